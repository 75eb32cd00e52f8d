import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { defineCommand } from '../define-command.ts';

/** `lantern doctor`: what this machine can do. */
export function doctorCommand(_cli: Cli): Command {
  return defineCommand('doctor', 'Say what this machine can do, and what to do about the rest.', ['lantern doctor']);
}
