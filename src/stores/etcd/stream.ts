import type { IWatchCreateRequest, IWatchResponse } from 'etcd3';
import { LanternError, toLanternError } from '../../base/errors.ts';
import type { EtcdClient } from './client.ts';
import { type EtcdWatchStream, etcdError } from './endpoint.ts';

const WHAT = 'watch objects in etcd';

/**
 * Carries numbered watches. The library's own watcher is not used: it resumes after the revision of etcd's greeting,
 * not after the last event it delivered.
 */
export class EtcdStream implements Disposable {
  /** Rejects when the stream ends for any reason but disposal. */
  readonly ended: Promise<never>;
  readonly #stream: EtcdWatchStream;
  #isOver = false;
  #reject: (error: LanternError) => void = () => {};
  readonly #onFailure: () => void;

  private constructor(stream: EtcdWatchStream, onFailure: () => void, hear: (message: IWatchResponse) => void) {
    this.#stream = stream;
    this.#onFailure = onFailure;
    this.ended = new Promise((_, reject) => {
      this.#reject = reject;
    });
    // Without a waiter, the stream is disposed or about to be.
    this.ended.catch(() => {});
    stream.on('error', (error) => this.fail(etcdError(error, WHAT)));
    stream.on('end', () => this.fail(new LanternError('unavailable', `${WHAT}: etcd ended the stream`)));
    stream.on('data', (message) => {
      if (this.#isOver) return;
      try {
        hear(message);
      } catch (error) {
        this.fail(toLanternError(error, WHAT));
      }
    });
  }

  /** `hear` is called for every message, in order; its errors end the stream. */
  static async open(client: EtcdClient, hear: (message: IWatchResponse) => void): Promise<EtcdStream> {
    const { stream, onFailure } = await client.openStream(WHAT);
    return new EtcdStream(stream, onFailure, hear);
  }

  /** `watch_id` must be unused on this stream. Messages over etcd's limit come in fragments. */
  create(request: IWatchCreateRequest & { readonly watch_id: number }): void {
    this.#write({ create_request: { fragment: true, ...request } });
  }

  cancel(watchId: number): void {
    this.#write({ cancel_request: { watch_id: watchId } });
  }

  fail(error: LanternError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onFailure();
    this.#stream.cancel();
    this.#reject(error);
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream.cancel();
  }

  #write(request: Parameters<EtcdWatchStream['write']>[0]): void {
    if (!this.#isOver) this.#stream.write(request);
  }
}
