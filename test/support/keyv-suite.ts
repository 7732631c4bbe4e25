/**
 * Keyv's own test suite as named cases, so that it runs in `bun test` and in a process without a test runner alike. The suite wants `it`,
 * hooks and `expect` of vitest; what it uses of them is here, over `node:assert`. A matcher that is missing fails its case.
 */
import assert from 'node:assert/strict';
import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite';

type Body = (context: { readonly expect: Expect }) => unknown;
type Hook = () => unknown;

interface Expect {
  (actual: unknown): Matchers;
  /** How many expectations the case must reach. */
  assertions(count: number): void;
}

interface Matchers {
  toBe(expected: unknown): void;
  toEqual(expected: unknown): void;
  toBeTruthy(): void;
  toBeFalsy(): void;
  toBeUndefined(): void;
  toBeDefined(): void;
  toBeNull(): void;
}

/** What the suite gets in place of vitest. */
interface SuiteTest {
  it(name: string, body: Body): void;
  beforeEach(hook: Hook): void;
  afterEach(hook: Hook): void;
}

// The declarations of the suite lean on those of vitest, which is not here.
type Suite = (test: SuiteTest, keyv: unknown, store: () => unknown) => void;

/** Defines a case for each test of the suite; `store` gives an adapter, the same one or a new one, of an empty cache. */
export function defineKeyvSuite(
  define: (name: string, body: () => Promise<void>) => void,
  keyv: unknown,
  store: () => unknown,
): void {
  for (const suite of [keyvTestSuite, keyvIteratorTests] as unknown as readonly Suite[]) {
    const before: Hook[] = [];
    const after: Hook[] = [];
    suite(
      {
        beforeEach: (hook) => void before.push(hook),
        afterEach: (hook) => void after.push(hook),
        it: (name, body) =>
          define(`Keyv's suite: ${name}`, async () => {
            for (const hook of before) await hook();
            const expectations = newExpect();
            await body({ expect: expectations.expect });
            expectations.finish();
            for (const hook of after) await hook();
          }),
      },
      keyv,
      store,
    );
  }
}

function newExpect(): { readonly expect: Expect; finish(): void } {
  let reachedCount = 0;
  let wantedCount: number | null = null;
  const expect = (actual: unknown): Matchers => {
    reachedCount += 1;
    return {
      toBe: (expected) => assert.equal(actual, expected),
      toEqual: (expected) => assert.deepEqual(actual, expected),
      toBeTruthy: () => assert(actual, `${String(actual)} is not truthy`),
      toBeFalsy: () => assert(!actual, `${String(actual)} is not falsy`),
      toBeUndefined: () => assert.equal(actual, undefined),
      toBeDefined: () => assert.notEqual(actual, undefined),
      toBeNull: () => assert.equal(actual, null),
    };
  };
  expect.assertions = (count: number): void => {
    wantedCount = count;
  };
  return {
    expect,
    finish: () => {
      if (wantedCount !== null) assert.equal(reachedCount, wantedCount);
    },
  };
}
