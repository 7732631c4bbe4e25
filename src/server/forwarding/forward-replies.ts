/** What goes with forwarded requests, what this node answers to them by itself, and what it reads of the owner's refusals. */
import { replyFrame } from '../../control/frames.ts';
import { ForwardForm } from '../../protocol/shoal/forward.ts';
import { murmur3 } from '../../topology/murmur3.ts';
import { errorMeaning } from '../commands/error-status.ts';

/** The bytes of the error `line`, code first, as the client's protocol has them. */
export function errorReply(form: ForwardForm, requestId: number, line: string): Buffer {
  if (form !== ForwardForm.frame) return Buffer.from(`-${line.replace(/[\r\n]+/g, ' ')}\r\n`, 'utf8');
  const { status, text } = errorMeaning(line);
  return replyFrame(status, requestId, Buffer.from(text, 'utf8'));
}

/** Where the text of a `moved`, `slot host:port`, says that the slot is; null where it says something else. */
export function movedTo(text: string): { readonly host: string; readonly port: number } | null {
  const match = /^\d+ (.+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port < 1 || port > 0xffff) return null;
  return { host: match[1]!.replace(/^\[|\]$/g, ''), port };
}

/** What tells a cluster from another one in a forwarded request. */
export function clusterTag(name: string): number {
  const bytes = Buffer.from(name, 'utf8');
  return murmur3(bytes, 0, bytes.length, 0) >>> 0;
}

export const UNREACHABLE = 'CLUSTERDOWN The node that has the slot cannot be reached';
export const UNCERTAIN = 'ERR The connection to the node that has the slot failed; the command may have been executed';
export const OWNER_REFUSES = 'ERR The node that has the slot refuses the request';
export const STILL_MOVING = 'TRYAGAIN The slot is being handed over, which takes longer than it should';
export const SLOT_NOT_SERVED = 'CLUSTERDOWN Hash slot not served';
