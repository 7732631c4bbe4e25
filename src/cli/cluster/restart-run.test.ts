/** The course of a restart, on virtual time, beside a coordinator that says what a test wants. */
import { describe, expect, test } from 'bun:test';
import { failureOf } from '../../../test/support/failure-of.ts';
import { ShoalError } from '../../base/errors.ts';
import type { NodeStatus, Status } from '../../protocol/cluster/messages.ts';
import { RestartRun } from './restart-run.ts';

const TIMEOUT_MS = 10_000;

type SceneNode = { -readonly [K in keyof NodeStatus]?: NodeStatus[K] };

/** A cluster of nodes at ports 1, 2, …, in which a test says what happens at a look. */
class Scene {
  nowMs = 0;
  looks = 0;
  readonly said: string[] = [];
  readonly shown: string[] = [];
  readonly asked: string[] = [];
  nodes: SceneNode[];
  returning: string[] = [];
  missingCopies = 0;
  /** Called before each look; may throw. */
  onLook: () => void = () => undefined;
  onRestart: (id: string) => void = (id) => this.empty(id);

  constructor(count: number) {
    this.nodes = Array.from({ length: count }, (_, index) => this.node(index + 1, `old ${index + 1}`));
  }

  node(port: number, id: string): SceneNode {
    return {
      id,
      host: 'h',
      port,
      zone: '',
      state: 'active',
      slots: 10,
      coveredSlots: 0,
      silentMs: 1,
      isRestarting: false,
    };
  }

  status(): Status {
    const { returning, missingCopies } = this;
    const nodes = this.nodes.map((node) => ({ replicaSlots: 0, syncedSlots: 0, ...node }));
    const rest = { moves: [], unassigned: 0, plannedSlots: 0, replicas: 1, missingCopies, returning };
    // What the run looks at.
    return { nodes, ...rest } as unknown as Status;
  }

  run(nodes = this.status().nodes): RestartRun {
    return new RestartRun(nodes, this.status(), {
      status: () => {
        this.looks += 1;
        this.onLook();
        return Promise.resolve(this.status());
      },
      restart: (id) => {
        this.asked.push(id);
        this.onRestart(id);
        return Promise.resolve();
      },
      nowMs: () => this.nowMs,
      pause: (ms) => {
        this.nowMs += ms;
        return Promise.resolve();
      },
      say: (line) => this.said.push(line),
      show: (text) => this.shown.push(text),
      timeoutMs: TIMEOUT_MS,
    });
  }

  of(id: string): SceneNode {
    return this.nodes.find((node) => node.id === id)!;
  }

  /** The node gives its slots away, goes, and comes back, a look for each. */
  empty(id: string): void {
    const node = this.of(id);
    const steps: (() => void)[] = [
      () => Object.assign(node, { isRestarting: true }),
      () => Object.assign(node, { slots: 0 }),
      () => this.goes(id),
      () => undefined,
      () => this.comes(node.port!),
    ];
    this.onLook = () => steps.shift()?.();
  }

  goes(id: string): void {
    const { host, port } = this.of(id);
    this.nodes = this.nodes.filter((node) => node.id !== id);
    this.returning.push(`${host}:${port}`);
  }

  comes(port: number): void {
    this.returning = this.returning.filter((address) => address !== `h:${port}`);
    this.nodes.push(this.node(port, `new ${port}`));
  }
}

describe('a rolling restart', () => {
  test('goes to the next node once the one before is back and all is whole', async () => {
    const scene = new Scene(3);
    const run = scene.run();
    await run.run();
    expect(scene.asked).toEqual(['old 1', 'old 2', 'old 3']);
    expect(scene.nodes.map(({ id }) => id)).toEqual(['new 1', 'new 2', 'new 3']);
    expect(scene.said).toEqual([
      'h:1 (1 of 3): its 10 slots move to the others',
      expect.stringMatching(/^h:1 \(1 of 3\): is back after \d+\.\d s$/),
      'h:2 (2 of 3): its 10 slots move to the others',
      expect.stringMatching(/^h:2 \(2 of 3\): is back/),
      'h:3 (3 of 3): its 10 slots move to the others',
      expect.stringMatching(/^h:3 \(3 of 3\): is back/),
    ]);
    expect(scene.shown).toContain('h:1 has 0 slots and copies 0, which others are to have first');
    expect(scene.shown).toContain('h:2 ends and starts again');
    expect([run.left, run.current]).toEqual([[], null]);
  });

  test('begins nothing before all is whole, and nothing more while it is not', async () => {
    const scene = new Scene(2);
    scene.missingCopies = 4;
    scene.onLook = () => {
      if (scene.looks === 5) scene.missingCopies = 0;
    };
    await scene.run(scene.status().nodes.slice(0, 1)).run();
    expect(scene.shown.slice(0, 4)).toEqual(Array.from({ length: 4 }, () => '4 copies are missing or not whole yet'));
    scene.missingCopies = 4;
    const run = scene.run(scene.status().nodes.slice(0, 1));
    expect(await failureOf(run.run())).toMatchObject({ code: 'Timeout', message: expect.stringContaining('4 copies') });
    expect([scene.asked.length, run.current, run.left]).toEqual([1, null, ['h:2']]);
  });

  test('stops at a node that does not come back, and says what to do', async () => {
    const scene = new Scene(3);
    scene.onRestart = (id) => scene.goes(id);
    const run = scene.run();
    const failure = await failureOf(run.run());
    expect(failure).toMatchObject({ code: 'Timeout' });
    expect(String(failure)).toContain('h:1 has ended in order and does not come back; nothing is lost');
    expect([scene.asked, run.current, run.left]).toEqual([['old 1'], 'h:1', ['h:1', 'h:2', 'h:3']]);
  });

  test('waits as long as something gets on, and no longer', async () => {
    const scene = new Scene(2);
    scene.onRestart = (id) => {
      const node = scene.of(id);
      Object.assign(node, { isRestarting: true, slots: 500 });
      scene.onLook = () => {
        if (node.slots! > 100) node.slots! -= 1;
      };
    };
    const failure = await failureOf(scene.run().run());
    expect(String(failure)).toContain('nothing has got on for 10 s: h:1 has 100 slots');
    expect(scene.nowMs).toBeGreaterThan(4 * TIMEOUT_MS);
  });

  test('says so where a node died before it had given everything away', async () => {
    const scene = new Scene(2);
    scene.onRestart = (id) => {
      const node = scene.of(id);
      node.isRestarting = true;
      const steps = [
        () => undefined,
        () => (scene.nodes = scene.nodes.filter((one) => one !== node)),
        () => scene.comes(node.port!),
      ];
      scene.onLook = () => steps.shift()?.();
    };
    const run = scene.run();
    expect(await failureOf(run.run())).toMatchObject({
      code: 'ConnectionLost',
      message: 'h:1 died before it had given everything away',
    });
    expect(scene.asked).toEqual(['old 1']);
  });

  test('leaves out a node that has started again by itself meanwhile', async () => {
    const scene = new Scene(2);
    const nodes = scene.status().nodes;
    scene.nodes[0] = scene.node(1, 'other');
    await scene.run(nodes).run();
    expect(scene.asked).toEqual(['old 2']);
    expect(scene.said[0]).toBe('h:1 (1 of 2) has started again by itself meanwhile');
  });

  test('goes on with the next coordinator, and asks again where an answer was lost', async () => {
    const scene = new Scene(2);
    let lost = 0;
    scene.onRestart = (id) => {
      lost += 1;
      if (lost === 1) throw new ShoalError('Timeout', 'the coordinator does not answer');
      scene.empty(id);
      if (lost === 2) throw new ShoalError('ConnectFailed', 'nobody leads');
    };
    scene.onLook = () => {
      if (scene.looks < 4) throw new ShoalError('ConnectFailed', 'nobody leads');
    };
    await scene.run(scene.status().nodes.slice(0, 1)).run();
    expect(scene.asked).toEqual(['old 1', 'old 1']);
    expect(scene.shown.slice(0, 3)).toEqual(['nobody leads', 'nobody leads', 'nobody leads']);
  });

  test('ends with what the coordinator refuses, and where the operator takes it back', async () => {
    const scene = new Scene(2);
    scene.onRestart = () => {
      throw new ShoalError('ServerError', 'nothing is moved at the moment');
    };
    expect(await failureOf(scene.run().run())).toMatchObject({ message: 'nothing is moved at the moment' });
    scene.onRestart = (id) => {
      scene.of(id).isRestarting = true;
      scene.onLook = () => (scene.of(id).isRestarting = false);
    };
    expect(await failureOf(scene.run().run())).toMatchObject({ code: 'Aborted' });
  });

  test('is left to itself where the command is stopped', async () => {
    const scene = new Scene(2);
    const run = scene.run();
    scene.onRestart = () => run.stop();
    await run.run();
    expect([scene.asked, run.current, run.left]).toEqual([['old 1'], 'h:1', ['h:1', 'h:2']]);
    expect(scene.said).toHaveLength(1);
  });
});
