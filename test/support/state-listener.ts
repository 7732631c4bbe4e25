/** Writes down what a state store tells its listener, and lets a test wait for it. */
import type { StateStoreListener, StoredState } from '../../src/coordinator/state/state-store.ts';

export type StateNews =
  | { readonly kind: 'elected'; readonly state: StoredState }
  | { readonly kind: 'deposed'; readonly reason: string; readonly leader: string | null }
  | { readonly kind: 'leader'; readonly leader: string | null }
  | { readonly kind: 'trouble'; readonly text: string | null };

export type NewsOf<Kind extends StateNews['kind']> = Extract<StateNews, { readonly kind: Kind }>;

export class RecordingListener implements StateStoreListener {
  /** All that was told, in order. */
  readonly news: StateNews[] = [];
  private taken = 0;
  private wakes: (() => void)[] = [];

  onElected(state: StoredState): void {
    this.add({ kind: 'elected', state });
  }

  onDeposed(reason: string, leader: string | null): void {
    this.add({ kind: 'deposed', reason, leader });
  }

  onLeader(leader: string | null): void {
    this.add({ kind: 'leader', leader });
  }

  onTrouble(text: string | null): void {
    this.add({ kind: 'trouble', text });
  }

  /** The next news of this kind that no call has returned yet; what came before it is passed over. */
  async next<Kind extends StateNews['kind']>(
    kind: Kind,
    isWanted: (news: NewsOf<Kind>) => boolean = () => true,
  ): Promise<NewsOf<Kind>> {
    for (;;) {
      while (this.taken < this.news.length) {
        const news = this.news[this.taken];
        this.taken += 1;
        if (news?.kind === kind && isWanted(news as NewsOf<Kind>)) return news as NewsOf<Kind>;
      }
      await this.more();
    }
  }

  /** Resolves once the last trouble is over, whatever was returned by other calls. */
  async calm(): Promise<void> {
    for (;;) {
      const last = this.news.findLast((news) => news.kind === 'trouble');
      if (last?.kind !== 'trouble' || last.text === null) return;
      await this.more();
    }
  }

  private more(): Promise<void> {
    return new Promise((resolve) => {
      this.wakes.push(resolve);
    });
  }

  private add(news: StateNews): void {
    this.news.push(news);
    for (const wake of this.wakes.splice(0)) wake();
  }
}
