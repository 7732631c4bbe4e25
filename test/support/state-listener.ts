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
  private wake: (() => void) | null = null;

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
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  private add(news: StateNews): void {
    this.news.push(news);
    this.wake?.();
    this.wake = null;
  }
}
