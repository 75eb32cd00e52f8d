/**
 * Disposes parts in reverse order; Node 20 has the symbols but not AsyncDisposableStack. If a part fails, the others are
 * still disposed and the first failure is thrown at the end. A second disposal does nothing.
 */
export class DisposalStack implements AsyncDisposable {
  readonly #actions: (() => Promise<void> | void)[] = [];

  /** Adds the part and returns it. */
  use<T extends Disposable | AsyncDisposable>(part: T): T {
    this.defer(() => (Symbol.asyncDispose in part ? part[Symbol.asyncDispose]() : part[Symbol.dispose]()));
    return part;
  }

  defer(action: () => PromiseLike<void> | void): void {
    this.#actions.push(async () => action());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    for (let action = this.#actions.pop(); action !== undefined; action = this.#actions.pop()) {
      try {
        await action();
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== undefined) throw failure.error;
  }
}
