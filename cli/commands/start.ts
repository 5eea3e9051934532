import type { RolloutAnswer } from '../answers.ts';
import { exitCodes, Failure, type ExitCode } from '../exit.ts';
import { followRollout } from '../follow.ts';
import { imageReference, type ImageReference } from '../image.ts';
import { rolloutPath } from '../names.ts';
import type { Registrar } from '../session.ts';
import { isOver } from '../../web/public/release-words.js';
import { order } from './orders.ts';

interface StartOptions {
  readonly image?: string;
  readonly tag?: string;
  readonly digest?: string;
  readonly force?: boolean;
  readonly watch?: boolean;
}

/** `start`: begins a release, and with --watch follows it to its end. */
export const startCommand = ({ program, run }: Registrar): void => {
  run<StartOptions>(
    program
      .command('start')
      .argument('<name>', 'name or namespace/name')
      .summary('start a release')
      .description('Starts a release of a tag or a digest; of the newest version pushed when neither is named. With -w it is followed to its end: 0 when it completed, 1 when it did not.')
      .option('--image <image>', 'host/repository:tag or host/repository@digest')
      .option('--tag <tag>', 'a tag of the image the rollout waits for')
      .option('--digest <digest>', 'sha256:... of that image')
      .option('--force', 'also a version that is quarantined because it was rolled back')
      .option('-w, --watch', 'follow the release until it is over')
      .addHelpText('after', '\nExamples:\n  sluice start demo --tag 1.5.0\n  sluice start demo --image registry.example.com/team/demo:1.5.0 -w\n  sluice start demo'),
    async (session, [text = ''], options) => {
      const version = versionOf(options);
      const name = await session.named(text);
      const before = (await session.api.get<RolloutAnswer>(rolloutPath(name))).rollout.release?.n ?? 0;
      const exit = await order(session, name, { type: 'start', ...version, ...(options.force === true ? { force: true } : {}) }, `start of ${version.tag ?? version.digest ?? 'the newest version'} accepted`);
      if (exit !== exitCodes.ok || options.watch !== true) return exit;
      const last = await followRollout(session, name, ({ release }) => release !== undefined && release.n > before && isOver(release));
      return endOf(last?.release?.ending?.outcome);
    },
  );
};

const endOf = (outcome: string | undefined): ExitCode => {
  if (outcome === undefined) return exitCodes.interrupted;
  return outcome === 'completed' ? exitCodes.ok : exitCodes.failed;
};

const versionOf = ({ image, tag, digest }: StartOptions): Partial<ImageReference> => {
  if (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest)) throw new Failure(exitCodes.usage, 'badDigest', `${JSON.stringify(digest)} is not a digest; allowed is sha256: and 64 hexadecimal digits`);
  const named: Partial<ImageReference> = image === undefined ? {} : imageReference(image);
  if (tag !== undefined && named.tag !== undefined && named.tag !== tag) throw new Failure(exitCodes.usage, 'twoTags', `--image names the tag ${named.tag}, --tag ${tag}; give one of them`);
  return { ...named, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
};
