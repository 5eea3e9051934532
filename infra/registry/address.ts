/** Where an image is asked for. `host` is the name in the image: credentials and settings are kept under it. */
export interface RegistryAddress {
  readonly host: string;
  readonly origin: string;
  readonly repository: string;
}

const hostPattern = /^([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:\d{1,5})?$/i;
const repositoryPattern = /^(?=.{1,255}$)[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*)*$/;
const referencePattern = /^(\w[\w.-]{0,127}|sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
const loopbackPattern = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/** Docker Hub is called by one name and answers under another; its official images have no namespace in their names. */
const dockerHub = { name: 'docker.io', api: 'registry-1.docker.io', official: 'library/' };

/**
 * Splits `host/repository`. Plain http is for loopback hosts, and for those the configuration calls insecure; no registry can
 * talk us down to it. Undefined when the image is not of that form.
 */
export const registryAddress = (image: string, insecure: ReadonlySet<string>): RegistryAddress | undefined => {
  const slash = image.indexOf('/');
  const host = image.slice(0, slash).toLowerCase();
  const repository = image.slice(slash + 1);
  if (slash < 1 || !hostPattern.test(host) || !repositoryPattern.test(repository)) return undefined;
  if (host === dockerHub.name) {
    const full = repository.includes('/') ? repository : `${dockerHub.official}${repository}`;
    return { host, origin: `https://${dockerHub.api}`, repository: full };
  }
  return { host, origin: `${mayBePlain(host, insecure) ? 'http' : 'https'}://${host}`, repository };
};

export const mayBePlain = (host: string, insecure: ReadonlySet<string>): boolean => loopbackPattern.test(host) || insecure.has(host);

/** A tag or a digest, and nothing that could reach into another part of a URL. */
export const isReference = (reference: string): boolean => referencePattern.test(reference);
