/** A command as RESP has it: an array of texts. */
export function encodeWords(words: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) parts.push(Buffer.from(`$${word.length}\r\n`), word, CRLF);
  return Buffer.concat(parts);
}

const CRLF = Buffer.from('\r\n');
