import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { json, text } from 'node:stream/consumers';

/** Calls a volume plugin as a Docker engine does. */
export class PluginClient {
  readonly socket: string;

  constructor(socket: string) {
    this.socket = socket;
  }

  /** The answer, without an empty `Err`. */
  async call(method: string, body: unknown = {}): Promise<Record<string, unknown>> {
    const agent = new Agent({ maxSockets: 1 });
    const sent = request({ socketPath: this.socket, path: `/${method}`, method: 'POST', agent });
    sent.end(JSON.stringify(body));
    const [response] = await once(sent, 'response');
    const { Err, ...answer } = (await json(response)) as Record<string, unknown>;
    return Err === '' ? answer : { ...answer, Err };
  }

  volume(method: string, Name: string, more: object = {}): Promise<Record<string, unknown>> {
    return this.call(`VolumeDriver.${method}`, { Name, ...more });
  }

  /** Sends these bytes as they are, and gives all that comes back until the server ends the connection. */
  async exchange(bytes: string | Uint8Array): Promise<string> {
    const socket = connect(this.socket);
    socket.on('error', () => {});
    socket.write(bytes);
    return await text(socket);
  }
}
