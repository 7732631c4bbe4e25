/**
 * Requests and what a decoder makes of them. Each is run whole, byte by byte and cut at every position (the few long
 * ones at many positions), and those that end in an error are also sent to a real redis-server, whose reply must be
 * the same to the byte.
 *
 * Texts are latin1: a character is a byte. The limits are Redis's own (see VECTOR_LIMITS).
 */
export interface RequestVector {
  readonly name: string;
  readonly input: string;
  /** The frames that come out, in order; an empty one is a frame without arguments. */
  readonly frames: readonly (readonly string[])[];
  /** What follows the last frame: nothing, the beginning of a frame, or an error with this text. */
  readonly then: 'end' | 'more' | { readonly error: string };
  /** The peer has not given its password yet. */
  readonly unauthenticated?: true;
}

/** Redis's defaults: INT_MAX arguments, proto-max-bulk-len, PROTO_INLINE_MAX_SIZE. */
export const VECTOR_LIMITS = {
  argumentCountMax: 2 ** 31 - 1,
  bulkBytesMax: 512 * 1024 * 1024,
  inlineBytesMax: 64 * 1024,
};

const LINE_MAX = VECTOR_LIMITS.inlineBytesMax;

function fails(
  name: string,
  input: string,
  reason: string,
  frames: readonly (readonly string[])[] = [],
): RequestVector {
  return { name, input, frames, then: { error: `ERR Protocol error: ${reason}` } };
}

function gives(name: string, input: string, ...frames: readonly (readonly string[])[]): RequestVector {
  return { name, input, frames, then: 'end' };
}

function waits(name: string, input: string, ...frames: readonly (readonly string[])[]): RequestVector {
  return { name, input, frames, then: 'more' };
}

function unauthenticated(vector: RequestVector): RequestVector {
  return { ...vector, name: `unauthenticated: ${vector.name}`, unauthenticated: true };
}

const MULTIBULK: readonly RequestVector[] = [
  gives('one argument', '*1\r\n$4\r\nPING\r\n', ['PING']),
  gives('several arguments', '*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n', ['SET', 'key', 'value']),
  gives('a pipeline', '*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n', ['PING'], ['GET', 'k']),
  gives('an empty argument', '*2\r\n$4\r\nECHO\r\n$0\r\n\r\n', ['ECHO', '']),
  gives('an argument of CR, LF, NUL and high bytes', '*2\r\n$4\r\nECHO\r\n$5\r\n\r\n\0\xff*\r\n', [
    'ECHO',
    '\r\n\0\xff*',
  ]),
  gives(
    'ten arguments',
    `*10\r\n${'$1\r\na\r\n'.repeat(10)}`,
    Array.from({ length: 10 }, () => 'a'),
  ),
  gives(
    'more arguments than a command has room for at first',
    `*100\r\n${'$1\r\na\r\n'.repeat(100)}`,
    Array.from({ length: 100 }, () => 'a'),
  ),
  gives('lengths of two and three digits', `*2\r\n$10\r\n${'a'.repeat(10)}\r\n$100\r\n${'b'.repeat(100)}\r\n`, [
    'a'.repeat(10),
    'b'.repeat(100),
  ]),
  gives('no arguments', '*0\r\n*1\r\n$4\r\nPING\r\n', [], ['PING']),
  gives('null', '*-1\r\n*1\r\n$4\r\nPING\r\n', [], ['PING']),
  gives('a negative count', '*-10\r\n', []),
  gives('the least count of 64 bits', '*-9223372036854775808\r\n', []),
  gives('any byte after the CR of a header', '*1\rx$4\ryPING\r\n', ['PING']),
  gives('any two bytes after an argument', '*1\r\n$4\r\nPINGxy', ['PING']),

  waits('nothing', ''),
  waits('a lone asterisk', '*'),
  waits('a count without its CR', '*3'),
  waits('a count without its LF', '*3\r'),
  waits('a count and nothing else', '*3\r\n'),
  waits('a length without its CR', '*1\r\n$4'),
  waits('a length without its LF', '*1\r\n$4\r'),
  waits('part of an argument', '*1\r\n$4\r\nPI'),
  waits('an argument without its CR', '*1\r\n$4\r\nPING'),
  waits('an argument without its LF', '*1\r\n$4\r\nPING\r'),
  waits('an argument too few', '*2\r\n$4\r\nECHO\r\n'),
  waits('a large count', '*1000000000\r\n$3\r\nSET\r\n'),
  waits('a large length', '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nabc'),
  waits('a bad type before the line is whole', '*1\r\nfoo'),
  waits('a NUL in a count', '*\x001\r\n$4\r\nPING\r\n'),
  waits('a NUL in a length', '*1\r\n$\x004\r\nPING\r\n'),
  waits('the longest count line without its end', `*${'1'.repeat(LINE_MAX - 1)}`),
  waits('the longest length line without its end', `*1\r\n$${'1'.repeat(LINE_MAX - 1)}`),
  waits('a whole frame and part of the next', '*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPI', ['PING']),

  fails('a count of letters', '*abc\r\n', 'invalid multibulk length'),
  fails('no count', '*\r\n', 'invalid multibulk length'),
  fails('a minus without digits', '*-\r\n', 'invalid multibulk length'),
  fails('minus zero', '*-0\r\n', 'invalid multibulk length'),
  fails('a plus', '*+1\r\n', 'invalid multibulk length'),
  fails('a leading blank', '* 1\r\n', 'invalid multibulk length'),
  fails('a trailing blank', '*1 \r\n', 'invalid multibulk length'),
  fails('a leading zero', '*01\r\n', 'invalid multibulk length'),
  fails('two zeros', '*00\r\n', 'invalid multibulk length'),
  fails('a count with a fraction', '*1.5\r\n', 'invalid multibulk length'),
  fails('a hexadecimal count', '*0x1\r\n', 'invalid multibulk length'),
  fails('a count line that ends in LF alone', '*1\n$4\r\nPING\r\n', 'invalid multibulk length'),
  fails('a count beyond 32 bits', '*3000000000\r\n', 'invalid multibulk length'),
  fails('the least count that is too large', '*2147483648\r\n', 'invalid multibulk length'),
  fails('the largest count of 64 bits', '*9223372036854775807\r\n', 'invalid multibulk length'),
  fails('a count beyond 64 bits', '*9223372036854775808\r\n', 'invalid multibulk length'),
  fails('a negative count beyond 64 bits', '*-9223372036854775809\r\n', 'invalid multibulk length'),
  fails('a count of 21 digits', '*100000000000000000000\r\n', 'invalid multibulk length'),
  fails('a count in the second frame', '*0\r\n*x\r\n', 'invalid multibulk length', [[]]),
  fails('a length of letters', '*1\r\n$blabla\r\n', 'invalid bulk length'),
  fails('a letter and then a digit for a length', '*2\r\n$3\r\nGET\r\n$k0\r\n', 'invalid bulk length'),
  fails('the character after 9 for a length', '*1\r\n$:\r\n', 'invalid bulk length'),
  fails('the character after 9 for a count', '*:\r\n', 'invalid multibulk length'),
  fails('no length', '*1\r\n$\r\n', 'invalid bulk length'),
  fails('a negative length', '*1\r\n$-1\r\n', 'invalid bulk length'),
  fails('the least length of 64 bits', '*1\r\n$-9223372036854775808\r\n', 'invalid bulk length'),
  fails('a length with a plus', '*1\r\n$+4\r\nPING\r\n', 'invalid bulk length'),
  fails('a length with a leading blank', '*1\r\n$ 4\r\nPING\r\n', 'invalid bulk length'),
  fails('a length with a leading zero', '*1\r\n$04\r\nPING\r\n', 'invalid bulk length'),
  fails('a length with a letter after it', '*1\r\n$4x\r\nPING\r\n', 'invalid bulk length'),
  fails('the least length that is too large', '*1\r\n$536870913\r\n', 'invalid bulk length'),
  fails('a length beyond 32 bits', '*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$5000000000\r\n', 'invalid bulk length'),
  fails('a length beyond 64 bits', '*1\r\n$99999999999999999999\r\n', 'invalid bulk length'),
  fails('a word in place of a length', '*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n', "expected '$', got 'f'"),
  fails('an inline word after a count', '*1\r\nfoo\r\n', "expected '$', got 'f'"),
  fails('a count within a frame', '*1\r\n*1\r\n$4\r\nPING\r\n', "expected '$', got '*'"),
  fails('an empty line in place of a length', '*1\r\n\r\n', "expected '$', got ' '"),
  fails('a line feed in place of a length', '*1\r\n\n\r\n', "expected '$', got ' '"),
  fails('a high byte in place of a length', '*1\r\n\xfe4\r\n', "expected '$', got '\udcfe'"),
  fails('an integer in place of a bulk', '*2\r\n$4\r\nECHO\r\n:5\r\n', "expected '$', got ':'"),
  fails('a count line that is too long', `*${'1'.repeat(LINE_MAX)}`, 'too big mbulk count string'),
  fails('a count line that a NUL hides', `*\0${'A'.repeat(LINE_MAX)}\r\n`, 'too big mbulk count string'),
  fails('a length line that is too long', `*1\r\n$${'1'.repeat(LINE_MAX)}`, 'too big bulk count string'),
  fails('a long line that is no length', `*1\r\n${'X'.repeat(LINE_MAX + 1)}`, 'too big bulk count string'),
  fails('a length line that a NUL hides', `*1\r\n$\0${'A'.repeat(LINE_MAX)}\r\n`, 'too big bulk count string'),
];

const INLINE: readonly RequestVector[] = [
  gives('a word', 'PING\r\n', ['PING']),
  gives('a line that ends in LF alone', 'PING\n', ['PING']),
  gives('words', 'SET key value\r\n', ['SET', 'key', 'value']),
  gives('many blanks', '  SET\t key \v value \f\r\n', ['SET', 'key', 'value']),
  gives('an empty line', '\r\nPING\r\n', [], ['PING']),
  gives('a lone LF', '\nPING\r\n', [], ['PING']),
  gives('a blank line', '   \r\n', []),
  gives('a CR within a line', 'PING\rxyz\n', ['PING', 'xyz']),
  gives('two CRs before the LF', 'PING\r\r\n', ['PING']),
  gives('a vertical tab within a word', 'a\vb\r\n', ['a\vb']),
  gives('high bytes', 'GET \xff\x80\r\n', ['GET', '\xff\x80']),
  gives('double quotes', 'SET "a key" "a value"\r\n', ['SET', 'a key', 'a value']),
  gives('single quotes', "SET 'a key' 'a \"value\"'\r\n", ['SET', 'a key', 'a "value"']),
  gives('empty quotes', 'ECHO "" \'\'\r\n', ['ECHO', '', '']),
  gives('escapes', 'ECHO "\\n\\r\\t\\b\\a\\\\\\"\\q"\r\n', ['ECHO', '\n\r\t\b\x07\\"q']),
  gives('hexadecimal escapes', 'ECHO "\\x00\\xfF\\x41"\r\n', ['ECHO', '\0\xffA']),
  gives('an escape that is not hexadecimal', 'ECHO "\\xg1\\x4"\r\n', ['ECHO', 'xg1x4']),
  gives('only the quote is escaped in single quotes', "ECHO 'it\\'s \\n'\r\n", ['ECHO', "it's \\n"]),
  gives('quotes that begin within a word', 'ECHO foo"bar baz"\r\n', ['ECHO', 'foobar baz']),
  gives('a backslash outside quotes', 'ECHO a\\nb\r\n', ['ECHO', 'a\\nb']),
  gives('a form feed after a closing quote', 'ECHO "a"\fb\r\n', ['ECHO', 'a', 'b']),
  gives('an asterisk after a blank', ' *1\r\n', ['*1']),
  gives('a dollar first', '$4\r\nPING\r\n', ['$4'], ['PING']),
  gives('inline and multibulk mixed', 'PING\r\n*1\r\n$4\r\nPING\r\nGET k\r\n', ['PING'], ['PING'], ['GET', 'k']),
  gives('the longest line', `ECHO ${'a'.repeat(LINE_MAX - 5)}\n`, ['ECHO', 'a'.repeat(LINE_MAX - 5)]),

  waits('part of a word', 'PIN'),
  waits('a line without its LF', 'PING\r'),
  waits('an open quote before the line is whole', 'ECHO "abc'),
  waits('a NUL before the end of the line', 'PI\x00NG\r\nPING\r\n'),
  waits('the longest line without its end', 'a'.repeat(LINE_MAX)),

  fails(
    'a quote within a word that goes on after it',
    'set """test-key""" test-value\r\nping\r\n',
    'unbalanced quotes in request',
  ),
  fails('an open double quote', 'ECHO "abc\r\n', 'unbalanced quotes in request'),
  fails('an open single quote', "ECHO 'abc\r\n", 'unbalanced quotes in request'),
  fails('a lone quote', '"\r\n', 'unbalanced quotes in request'),
  fails('a word right after a closing quote', 'ECHO "a"b\r\n', 'unbalanced quotes in request'),
  fails('an escaped closing quote', 'ECHO "a\\"\r\n', 'unbalanced quotes in request'),
  fails('a backslash before the end', 'ECHO "a\\\r\n', 'unbalanced quotes in request'),
  fails('a line that is too long', 'a'.repeat(LINE_MAX + 1), 'too big inline request'),
  fails('a line that a NUL hides', `\0${'A'.repeat(LINE_MAX)}\n`, 'too big inline request'),
];

const UNAUTHENTICATED: readonly RequestVector[] = [
  gives(
    'ten arguments',
    `*10\r\n${'$1\r\na\r\n'.repeat(10)}`,
    Array.from({ length: 10 }, () => 'a'),
  ),
  gives('a bulk of 16,384 bytes', `*1\r\n$16384\r\n${'a'.repeat(16_384)}\r\n`, ['a'.repeat(16_384)]),
  fails('eleven arguments', '*11\r\n$4\r\nPING\r\n', 'unauthenticated multibulk length'),
  fails('too many arguments for anybody', '*3000000000\r\n', 'invalid multibulk length'),
  fails('a bulk of 16,385 bytes', '*1\r\n$16385\r\n', 'unauthenticated bulk length'),
  fails('a bulk too long for anybody', '*1\r\n$536870913\r\n', 'invalid bulk length'),
].map(unauthenticated);

export const REQUEST_VECTORS: readonly RequestVector[] = [...MULTIBULK, ...INLINE, ...UNAUTHENTICATED];
