import { BlockList, isIPv6 } from 'node:net';
import type { Allowance } from './port.ts';

type Subnet = readonly [network: string, prefix: number];

const list = (ipv4: readonly Subnet[], ipv6: readonly Subnet[]): BlockList => {
  const blocks = new BlockList();
  for (const [network, prefix] of ipv4) blocks.addSubnet(network, prefix, 'ipv4');
  for (const [network, prefix] of ipv6) blocks.addSubnet(network, prefix, 'ipv6');
  return blocks;
};

const loopback = list([['127.0.0.0', 8]], [['::1', 128]]);

/**
 * Where no server of a user can be: "this network", link-local (cloud metadata), multicast and reserved (RFC 6890), addresses that
 * carry an IPv4 address inside and so could smuggle one past these lists (RFC 4291, 3056, 4380, 6052), and the metadata and host
 * services that clouds put elsewhere: 100.100.100.200 Alibaba, 168.63.129.16 Azure, 192.0.0.192 Oracle, fd00:ec2::254 AWS,
 * fd20:ce::254 Google.
 */
const forbidden = list(
  [['0.0.0.0', 8], ['169.254.0.0', 16], ['192.0.0.0', 24], ['224.0.0.0', 4], ['240.0.0.0', 4], ['100.100.100.200', 32], ['168.63.129.16', 32]],
  [
    ['::', 96], ['64:ff9b::', 96], ['64:ff9b:1::', 48], ['2001::', 32], ['2002::', 16],
    ['fe80::', 10], ['fec0::', 10], ['ff00::', 8], ['fd00:ec2::254', 128], ['fd20:ce::254', 128],
  ],
);

/** RFC 1918, shared (RFC 6598), benchmarking (RFC 2544) and unique local (RFC 4193) addresses. */
const privateUse = list([['10.0.0.0', 8], ['172.16.0.0', 12], ['192.168.0.0', 16], ['100.64.0.0', 10], ['198.18.0.0', 15]], [['fc00::', 7]]);

const metadataNames: ReadonlySet<string> = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'metadata.azure.internal',
  'metadata.tencentyun.com',
  'instance-data',
  'instance-data.ec2.internal',
]);

/** Names of cloud metadata services, refused by name because some resolve to addresses of their own. */
export const isMetadataName = (host: string): boolean => metadataNames.has(host.toLowerCase().replace(/\.$/, ''));

/** Why an IP address may not be called, or undefined when it may. IPv4 addresses mapped into IPv6 are judged as IPv4. */
export const whyNot = (address: string, allow: Allowance): string | undefined => {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  if (loopback.check(address, family)) return allow.loopback === true ? undefined : 'a loopback address, which is not allowed here';
  if (forbidden.check(address, family)) return 'a link-local, metadata, multicast or reserved address, which is never allowed';
  if (privateUse.check(address, family)) return allow.private === true ? undefined : 'a private address, which is not allowed here';
  return undefined;
};
