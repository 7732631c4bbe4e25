/**
 * Databases are name spaces: an item is marked with the number of its name space, and a table says which one each database is. SWAPDB
 * exchanges two entries of the table, whatever they hold.
 */
import { CONTROL_NAMESPACES } from './layout.ts';
import type { StoreMemory } from './memory.ts';
import { DATABASE_COUNT } from './types.ts';

/** Gives each database the name space of its own number. */
export function resetNamespaces(memory: StoreMemory): void {
  for (let database = 0; database < DATABASE_COUNT; database += 1)
    memory.control[CONTROL_NAMESPACES + database] = database;
}

/** What the items of `database` are marked with. */
export function namespaceOf(memory: StoreMemory, database: number): number {
  return memory.control[CONTROL_NAMESPACES + database]!;
}

/** The database whose items are marked with `namespace`: each has one. */
export function databaseOf(memory: StoreMemory, namespace: number): number {
  for (let database = 0; database < DATABASE_COUNT; database += 1)
    if (memory.control[CONTROL_NAMESPACES + database] === namespace) return database;
  return namespace;
}

/** Sum of a counter of `database` over all threads. Read while they count, it may miss an item's coming and see it go: never below 0. */
export function countOf(memory: StoreMemory, counter: number, database: number): number {
  return Math.max(0, memory.total(counter + namespaceOf(memory, database)));
}

/** Exchanges the contents of two databases. Inside an exclusive section. */
export function swapNamespaces(memory: StoreMemory, left: number, right: number): void {
  const { control } = memory;
  const kept = control[CONTROL_NAMESPACES + left]!;
  control[CONTROL_NAMESPACES + left] = control[CONTROL_NAMESPACES + right]!;
  control[CONTROL_NAMESPACES + right] = kept;
}

/** Gives each database a name space of `namespaces`, each another. While nobody uses the store. */
export function setNamespaces(memory: StoreMemory, namespaces: ArrayLike<number>): void {
  for (let database = 0; database < DATABASE_COUNT; database += 1)
    memory.control[CONTROL_NAMESPACES + database] = namespaces[database]!;
}
