/** Disposes in reverse order; Node 20 has no AsyncDisposableStack. Throws the first failure after disposing all. */
export class DisposalStack implements AsyncDisposable {
  readonly #actions: (() => Promise<void> | void)[] = [];

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
