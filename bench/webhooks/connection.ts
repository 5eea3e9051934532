import { connect } from 'node:net';

/** One connection that stays open and carries one request after the other. */
export interface Connection {
  /** Resolves with the status once the whole answer is there. */
  post(path: string, body: string): Promise<number>;
  close(): void;
}

/** HTTP/1.1 by hand, for answers with a content-length: a general client would need more of the processor than the server it measures. */
export const connection = (url: string, token: string): Promise<Connection> =>
  new Promise((resolve, reject) => {
    const { hostname, port, host } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    let received = '';
    let answered: ((status: number) => void) | undefined;
    let failed: (error: Error) => void = reject;
    socket.setEncoding('latin1');
    socket.on('error', (error) => failed(error));
    socket.on('close', () => failed(new Error('the server closed the connection')));
    socket.on('data', (chunk: string) => {
      received += chunk;
      const end = received.indexOf('\r\n\r\n');
      if (end === -1) return;
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(received)?.[1]);
      if (received.length < end + 4 + length) return;
      const status = Number(received.slice(9, 12));
      received = '';
      answered?.(status);
    });
    socket.on('connect', () =>
      resolve({
        post: (path, body) =>
          new Promise((done, fail) => {
            answered = done;
            failed = fail;
            socket.write(
              `POST ${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
            );
          }),
        close: () => socket.destroy(),
      }),
    );
  });
