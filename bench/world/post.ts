import { Agent, request } from 'node:http';

export interface Poster {
  /** Resolves with the status when the whole answer is there. */
  post(path: string, body: string): Promise<number>;
  close(): void;
}

/** Posts JSON over connections that stay open, as senders do. */
export const poster = (url: string, token: string): Poster => {
  const agent = new Agent({ keepAlive: true });
  const { hostname, port } = new URL(url);
  return {
    post: (path, body) =>
      new Promise((resolve, reject) => {
        const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
        request({ hostname, port, path, method: 'POST', agent, headers }, (response) => {
          response.on('end', () => resolve(response.statusCode ?? 0)).on('error', reject).resume();
        })
          .on('error', reject)
          .end(body);
      }),
    close: () => agent.destroy(),
  };
};
