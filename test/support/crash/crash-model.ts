/**
 * What the keys of one client may hold after a crash: for each key what it was when the last reply about it came, and what each request since
 * would have made of it. Any of these is right, in any mixture of keys; a state before the last confirmed one is a lost write, and one that never
 * was is damage.
 */

/** A value, or that there is none. */
export type KeyState = { readonly value: string; readonly expires: boolean } | null;

export class CrashModel {
  /** By key name: the confirmed state, then those of requests without an answer. */
  private readonly states = new Map<string, KeyState[]>();

  constructor(names: Iterable<string>) {
    for (const name of names) this.states.set(name, [null]);
  }

  get names(): Iterable<string> {
    return this.states.keys();
  }

  /** What the key is once all requests are done. */
  newest(name: string): KeyState {
    return this.of(name).at(-1)!;
  }

  /** A request was sent that makes `state` of the key. */
  sent(name: string, state: KeyState): void {
    this.of(name).push(state);
  }

  /** The oldest request about the key without an answer was confirmed. */
  confirmed(name: string): void {
    this.of(name).shift();
  }

  /** The key was found like this after a crash: what is wrong with it, or null. From here on it is what it is. */
  found(name: string, state: KeyState): string | null {
    const allowed = this.of(name);
    const isAllowed = allowed.some((one) => sameState(one, state));
    if (!isAllowed) return `${name} is ${show(state)}, not ${allowed.map(show).join(' or ')}`;
    this.states.set(name, [state]);
    return null;
  }

  private of(name: string): KeyState[] {
    const states = this.states.get(name);
    if (states === undefined) throw new Error(`no such key: ${name}`);
    return states;
  }
}

function sameState(one: KeyState, other: KeyState): boolean {
  if (one === null || other === null) return one === other;
  return one.value === other.value && one.expires === other.expires;
}

function show(state: KeyState): string {
  if (state === null) return 'absent';
  const { value, expires } = state;
  const text = value.length > 40 ? `${value.slice(0, 40)}… (${value.length} bytes)` : value;
  return `${JSON.stringify(text)}${expires ? ' with an expiry' : ''}`;
}
