/** CLIENT REPLY: which replies of a session are dropped. */
import { Trait } from './command-table.ts';
import type { AnswerWriter } from './reply-writer.ts';
import { Gate, type Session } from './session.ts';

/** Whether the reply to the request that is passed on is dropped. */
export function dropsReply(session: Session): boolean {
  beginReply(session);
  const { isMuted } = session;
  session.setGate(Gate.replySkip, false);
  return isMuted;
}

/** The command after CLIENT REPLY SKIP begins: it is the one that gets no reply. */
export function beginReply(session: Session): void {
  if ((session.gates & Gate.replySkipNext) === 0) return;
  session.setGate(Gate.replySkipNext, false);
  session.setGate(Gate.replySkip, true);
}

/** Applies CLIENT REPLY to what stands after `mark`. */
export function finishReply(session: Session, traits: number, writer: AnswerWriter, mark: number): void {
  if (!session.isMuted) return;
  if ((traits & Trait.pushes) === 0) writer.rewind(mark);
  session.setGate(Gate.replySkip, false);
}
