/**
 * Ways to do the smallest steps of a request, measured in turns in one process: for choosing among them, and for looking again when the
 * runtime changes. What the product uses stands first in each list; docs/adr/0013-hot-paths.md says why.
 */
import { Buffer } from 'node:buffer';
import { writeInteger } from '../../src/protocol/numbers.ts';
import { KeyHash } from '../../src/store/hash.ts';
import { equalBytes } from '../../src/base/bytes.ts';
import { printTable, rounded } from './report.ts';
import { median } from './statistics.ts';

/** One step on `length` bytes; `turn` differs from call to call. */
type Step = (turn: number, length: number) => void;

const ARENA_BYTES = 2 ** 20;
const OUTPUT_BYTES = 2 ** 18;
const SAMPLE_CALLS = 100_000;
/** Offsets of values in the arena and the output, chosen to be at every alignment that a request's bytes have. */
const STRIDE_BYTES = 1037;
const PLACE_MASK = 0x3_ffff;

const arena = Buffer.from(new SharedArrayBuffer(ARENA_BYTES));
const arenaWords = new Int32Array(arena.buffer);
const output = Buffer.allocUnsafeSlow(OUTPUT_BYTES * 2);
const outputWords = new Int32Array(output.buffer);
const outputView = new DataView(output.buffer);
const copy = Buffer.prototype.copy;
for (let index = 0; index < ARENA_BYTES; index += 1) arena[index] = index * 7;

function place(turn: number): number {
  return (turn * STRIDE_BYTES) & PLACE_MASK;
}

function wordPlace(turn: number): number {
  return place(turn) >> 2;
}

/** Takes results, so that no step is left out by the compiler. */
let seen = 0;

const hash = new KeyHash(1, 2);

interface Part {
  readonly name: string;
  readonly lengths: readonly number[];
  readonly steps: Readonly<Record<string, Step>>;
}

const PARTS: readonly Part[] = [
  {
    name: 'hash of a key',
    lengths: [8, 32, 64, 250],
    steps: { 'bytes to words': (turn, length) => hash.update(output, place(turn), length, 0) },
  },
  {
    name: 'compare of two equal keys',
    lengths: [8, 32, 64, 250],
    steps: {
      'byte loop': (turn, length) => {
        output[place(turn)] = arena[wordPlace(turn) << 2]!;
        seen += equalBytes(arena, place(turn), arena, place(turn), length) ? 1 : 0;
      },
      'words beside a DataView': (turn, length) => {
        const at = place(turn);
        let word = wordPlace(turn);
        let differs = 0;
        for (let offset = 0; offset + 4 <= length; offset += 4, word += 1)
          differs |= outputView.getInt32(at + offset, true) ^ arenaWords[word]!;
        seen += differs;
      },
      'Buffer.compare': (turn, length) => {
        seen += arena.compare(arena, place(turn), place(turn) + length, place(turn), place(turn) + length);
      },
    },
  },
  {
    name: 'copy of a value',
    lengths: [8, 16, 24, 32, 64, 256, 1024, 4096],
    steps: {
      'Buffer.copy': (turn, length) =>
        copy.call(arena, output, place(turn), wordPlace(turn) << 2, (wordPlace(turn) << 2) + length),
      'byte loop': (turn, length) => {
        const from = wordPlace(turn) << 2;
        const to = place(turn);
        for (let offset = 0; offset < length; offset += 1) output[to + offset] = arena[from + offset]!;
      },
      'word loop, both aligned': (turn, length) => {
        const from = wordPlace(turn);
        for (let word = 0; word < length >> 2; word += 1) outputWords[from + word] = arenaWords[from + word]!;
      },
      'set of a subarray': (turn, length) =>
        output.set(arena.subarray(wordPlace(turn) << 2, (wordPlace(turn) << 2) + length), place(turn)),
      'copyWithin, as if in one buffer': (turn, length) => {
        output.copyWithin(place(turn), PLACE_MASK, PLACE_MASK + length);
      },
    },
  },
  {
    name: 'integer as digits',
    lengths: [1, 3, 4, 7],
    steps: {
      'division, digits counted first': (turn, length) => {
        seen += writeInteger(output, place(turn), 10 ** (length - 1) + (turn % 10 ** (length - 1)));
      },
      'String, then its characters': (turn, length) => {
        const text = String(10 ** (length - 1) + (turn % 10 ** (length - 1)));
        for (let index = 0; index < text.length; index += 1) output[place(turn) + index] = text.charCodeAt(index);
      },
    },
  },
];

/** Measures all parts and prints a table of each. */
export function measureParts(rounds: number): object[] {
  return PARTS.map(({ name, lengths, steps }) => {
    const names = Object.keys(steps);
    const rows = lengths.map((length) => {
      const samples = names.map((): number[] => []);
      for (let round = 0; round <= rounds; round += 1) {
        names.forEach((_, turn) => {
          const index = (turn + round) % names.length;
          const ns = nsPerCall(steps[names[index]!]!, length);
          if (round > 0) samples[index]!.push(ns);
        });
      }
      return { length, ns: samples.map((ofOne) => rounded(median(ofOne), 1)) };
    });
    console.log(`${name}, ns`);
    printTable([['bytes', ...names], ...rows.map(({ length, ns }) => [length, ...ns])]);
    return { part: name, steps: names, rows };
  });
}

function nsPerCall(step: Step, length: number): number {
  const start = process.hrtime.bigint();
  for (let turn = 0; turn < SAMPLE_CALLS; turn += 1) step(turn, length);
  return Number(process.hrtime.bigint() - start) / SAMPLE_CALLS;
}
