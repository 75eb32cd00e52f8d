import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hasKubectl } from '../../scripts/prerequisites.mjs';
import { CHANGING } from '../fixtures/kubectl-habits/changing.ts';
import { READING } from '../fixtures/kubectl-habits/reading.ts';
import type { Habit } from '../support/cli/habit.ts';
import { HabitWorld, typeWithKubectl } from '../support/cli/habit-world.ts';

const HABITS = [...READING, ...CHANGING];

let world: HabitWorld;
beforeAll(async () => {
  world = await HabitWorld.start();
});
afterAll(async () => await world[Symbol.asyncDispose]());
beforeEach(async () => await world.reset());

/** What was not expected is shown as it is. */
function expected(text: string | RegExp = ''): unknown {
  return typeof text === 'string' ? text : expect.stringMatching(text);
}

test.each(HABITS)('kubectl $typed', async (habit) => {
  expect(await world.type(habit)).toEqual({
    stdout: expected(habit.prints),
    stderr: expected(habit.complains),
    exitCode: habit.exitCode ?? 0,
  });
  for (const [name, fields] of Object.entries(habit.leaves ?? {})) {
    const found = { [name]: await world.object(name) };
    expect(found).toEqual({ [name]: fields === null ? null : expect.objectContaining(fields) });
  }
});

/** Only kubectl writes a field that it has no value for. */
function withoutNulls(text: string): string {
  return text.replaceAll(/^ *creationTimestamp: null\n/gm, '').trimEnd();
}

describe.runIf(hasKubectl())('the same words have the same answer (needs kubectl)', () => {
  test.each(HABITS.filter(({ isLocal }: Habit) => isLocal))('kubectl $typed', async (habit) => {
    const { stdout } = typeWithKubectl(habit);
    expect(withoutNulls(stdout)).toBe((await world.type(habit)).stdout);
  });
});
