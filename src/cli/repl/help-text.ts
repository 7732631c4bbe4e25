/** What `help` and `help COMMAND` say inside the line editor, from the server's own docs. */
import { type DocsCommand, syntaxText } from './command-docs.ts';
import { safeText } from './render.ts';

/** `prefix`: the name of the command that `command` is a subcommand of, with a blank; else empty. */
export function commandHelp(command: DocsCommand, prefix: string): string {
  const { name, summary, since, group, args, subcommands } = command;
  const lines = [`${prefix}${name} ${syntaxText(args)}`.trimEnd(), `  ${summary}`, `  group ${group}, since ${since}`];
  const width = Math.max(...subcommands.map((subcommand) => subcommand.name.length));
  for (const subcommand of subcommands) lines.push(`  ${name} ${subcommand.name.padEnd(width)}  ${subcommand.summary}`);
  return `${safeText(lines.join('\n'))}\n`;
}

export function overview(commandCount: number): string {
  const known =
    commandCount === 0
      ? 'The server gave no docs of its commands.'
      : `The server has ${commandCount} commands: Tab shows them.`;
  return `${known}

  help COMMAND     what it does and takes
  clear            clear the screen
  exit, Ctrl-D     leave
  Tab              complete a command, a subcommand or an option
  Ctrl-C           drop the line; while a command runs: stop waiting for it
  Up, Down         walk the history: all of it, or the lines that begin with what is written

Words stand between blanks. "double quotes" keep blanks and know \\n \\r \\t \\" \\\\ and \\xHH;
'single quotes' keep everything.
`;
}
