/** The first byte of each kind of value in RESP2 and RESP3, named by its character. */
export const EXCLAMATION = 0x21;
export const HASH = 0x23;
export const DOLLAR = 0x24;
export const PERCENT = 0x25;
export const OPENING_PARENTHESIS = 0x28;
export const ASTERISK = 0x2a;
export const PLUS = 0x2b;
export const COMMA = 0x2c;
export const MINUS = 0x2d;
export const COLON = 0x3a;
export const EQUALS = 0x3d;
export const GREATER = 0x3e;
export const UNDERSCORE = 0x5f;
export const BAR = 0x7c;
export const TILDE = 0x7e;
