/** Which slots go where. */
import type { Topology } from './topology.ts';

/** A slot that shall belong to another node, by ids; `from: null`: nobody owns it. */
export interface SlotTransfer {
  readonly slot: number;
  readonly from: string | null;
  readonly to: string;
}
