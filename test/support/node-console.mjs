// Loaded before a program on Bun, so that it prints values as Node does, which is how the docs show them.
import { format } from 'node:util';

console.log = (...values) => void process.stdout.write(`${format(...values)}\n`);
