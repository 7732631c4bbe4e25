import { describe, expect, test } from 'bun:test';
import { keySlot, SLOT_COUNT } from '../topology/slots.ts';
import { type ClusterNode, nextTopology, Topology, type TopologyChange } from '../topology/topology.ts';
import { ScanCoverage } from './scan-coverage.ts';

const [A, B, C] = ['a', 'b', 'c'].map((digit) => digit.repeat(40)) as [string, string, string];
const KEY = Buffer.from('key');
const SLOT = keySlot(KEY, 0, KEY.length);
/** Another key of each node, so that no scan is left out because its node has nothing. */
const OTHER = { [A]: (SLOT + 1) % SLOT_COUNT, [B]: (SLOT + 2) % SLOT_COUNT, [C]: (SLOT + 3) % SLOT_COUNT };

function node(id: string): ClusterNode {
  return { id, host: id, port: 7600, peerPort: 7601, zone: '', weight: 1, state: 'active' };
}

/** A topology after another, and a coverage that sees those that it is told to see. */
class Story {
  topology: Topology;
  readonly coverage: ScanCoverage;

  constructor(owner: string = A) {
    const owners = new Map([[SLOT, owner], ...Object.entries(OTHER).map(([id, slot]) => [slot, id] as const)]);
    this.topology = nextTopology(Topology.empty('test'), { nodes: [A, B, C].map(node), owners });
    this.coverage = new ScanCoverage(this.topology);
  }

  /** The next topology, which is not seen. */
  skip(change: TopologyChange): this {
    this.topology = nextTopology(this.topology, change);
    return this;
  }

  see(change: TopologyChange): this {
    this.skip(change).coverage.observe(this.topology);
    return this;
  }

  move(id: number, from: string, to: string): TopologyChange {
    return { moves: [{ id, from, to, slots: [SLOT] }] };
  }

  own(id: string): TopologyChange {
    return { owners: new Map([[SLOT, id]]), moves: [] };
  }

  /** Scans one node, and whether the key was wanted there at the end. */
  scan(during: () => void = () => undefined): { readonly node: string | null; readonly wanted: boolean } {
    const name = this.coverage.next();
    if (name === null) return { node: null, wanted: false };
    this.coverage.begin();
    during();
    const wanted = this.coverage.wants(KEY);
    this.coverage.end('complete');
    return { node: name, wanted };
  }

  /** All that follows, as names of nodes. */
  rest(): string[] {
    const names: string[] = [];
    for (let found = this.scan(); found.node !== null; found = this.scan()) names.push(found.node);
    return names;
  }
}

test('each node is scanned once where nothing moves, and its keys count there alone', () => {
  const story = new Story();
  const scans = [story.scan(), story.scan(), story.scan(), story.scan()];
  expect(scans.map((scan) => scan.node)).toEqual(expect.arrayContaining([A, B, C, null]));
  for (const { node: name, wanted } of scans) expect(wanted).toBe(name === A);
});

test('a key is not wanted again once its slot was covered, whoever has it then', () => {
  const story = new Story();
  const order = [story.scan(), story.scan(), story.scan()].map((scan) => scan.node);
  expect(new Set(order)).toEqual(new Set([A, B, C]));
  story.see(story.own(B));
  expect(story.scan().node).toBeNull();
});

/** Scans until `name` is next, so that the story can say what happens while it is scanned. */
function until(story: Story, name: string): void {
  for (let guard = 0; guard < 3; guard += 1) {
    const next = story.coverage.next();
    if (next === name) return;
    story.coverage.begin();
    story.coverage.end('complete');
  }
}

describe('a slot whose owner changes during the scan of it', () => {
  test('is looked for at its new owner', () => {
    const story = new Story();
    until(story, A);
    story.scan(() => story.see(story.move(1, A, B)).see(story.own(B)));
    expect(story.rest()).toContain(B);
  });

  test('and away again unseen, is looked for anew', () => {
    const story = new Story();
    until(story, A);
    story.scan(() =>
      story
        .skip(story.move(1, A, B))
        .skip(story.own(B))
        .see(story.own(A)),
    );
    expect(story.rest()).toContain(A);
  });

  test('in fewer epochs than that takes, is covered', () => {
    const story = new Story();
    until(story, A);
    story.scan(() => story.skip({}).see({}));
    expect(story.rest()).not.toContain(A);
  });
});

describe('a slot that is on its way at the end of the scan of its source', () => {
  function half(): Story {
    const story = new Story();
    story.see(story.move(1, A, B));
    until(story, A);
    expect(story.scan().node).toBe(A);
    return story;
  }

  test('is covered by the target, whether the move ends meanwhile or not', () => {
    for (const ends of [true, false]) {
      const story = half();
      until(story, B);
      const scan = story.scan(() => {
        if (ends) story.see(story.own(B));
      });
      expect(scan).toEqual({ node: B, wanted: true });
      expect(story.rest()).not.toContain(B);
      story.see(story.own(B));
      expect(story.scan().node).toBeNull();
    }
  });

  test('is covered where the move ends and the source keeps it', () => {
    const story = half();
    story.see({ moves: [] });
    expect(story.rest()).not.toContain(A);
  });

  test('is looked for anew where it may have come back unseen', () => {
    const story = half();
    // Over and the next one back, in one epoch; and that one over.
    story.skip({ ...story.own(B), moves: [{ id: 2, from: B, to: A, slots: [SLOT] }] }).see(story.own(A));
    expect(story.rest()).toContain(A);
  });

  test('is looked for anew where it went to the target and on', () => {
    const story = half();
    story
      .see(story.own(B))
      .see(story.move(2, B, A))
      .see(story.own(A));
    expect(story.rest()).toContain(A);
  });
});

test('a topology from before begins anew', () => {
  const story = new Story();
  until(story, A);
  const before = story.topology;
  story.scan(() => {
    story.see({}).coverage.observe(before);
  });
  expect(story.rest()).toContain(A);
});

test('nodes that failed are left out, and what nobody owns is not looked for', () => {
  const story = new Story();
  until(story, A);
  story.coverage.begin();
  story.coverage.end('failed');
  story.see({ owners: new Map([[OTHER[B]!, null]]) });
  expect(story.rest()).not.toContain(A);
});

test('a node is not scanned for ever', () => {
  const story = new Story();
  expect(() => {
    for (let id = 1; id < 10_000; id += 2) {
      story.scan(() => {
        const [from, to] = story.topology.ownerOf(SLOT)?.id === A ? [A, B] : [B, A];
        story
          .see(story.move(id, from, to))
          .see(story.own(to))
          .see(story.move(id + 1, to, from))
          .see(story.own(from));
      });
    }
  }).toThrow(/try again later/);
});
