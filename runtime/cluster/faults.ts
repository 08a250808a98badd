/** What can be wrong between this machine and a cluster, as sentences with what to do. */
import { HumanError } from '../support/errors.js';

/** Another attempt may succeed: the network, or the head, was away. */
export class Unanswered extends Error {
  constructor(
    readonly final: HumanError,
    /**
     * The cluster may never have answered: its name or address is wrong, nothing listens there, or something else
     * answers.
     */
    readonly isAbsent: boolean,
    /** How much longer than for other answers was waited: for what was sent to arrive. */
    readonly sendingMs = 0,
  ) {
    super(final.message);
  }
}

/** A job that was told to end and does not. */
export class Unending extends HumanError {}

/** Nothing is wrong with a job: what is asked next of this cluster fails as well. */
export const isOfTheWay = (error: unknown): error is HumanError =>
  error instanceof HumanError && (error.code === 'secret' || error.code === 'away');

const ABSENT = new Set(['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT']);
const CERTIFICATE = /CERT|SIGNED|UNABLE_TO|ERR_TLS/;
/** Where a session with a proxy is over, it answers with its own page, or leads to another. */
export const BEFORE = 'whether a proxy before it wants a login.';
const RESUME = 'A job that runs there goes on. Resume the run: it finds its job again.';

/** What it means that no answer came. @param sendingMs of the time that was left for it, what sending takes */
export function connectionFault(error: unknown, address: string, sendingMs = 0): HumanError | Unanswered {
  const { code = '', message } = error as { code?: string; message?: string };
  if (CERTIFICATE.test(code))
    return new HumanError(`the certificate of the cluster is not trusted (${code}).`, {
      place: address,
      remedy: "Name the file of your organisation's certificate in on.ca.",
      kind: 'failed',
      code: 'away',
      cause: error,
    });
  // OpenSSL's words for a server that answers without TLS.
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/.test(code))
    return new HumanError(`nothing answers with https there (${code}).`, {
      place: address,
      remedy: 'Write http:// instead of https:// in on.ray, or check its port.',
      kind: 'failed',
      code: 'away',
      cause: error,
    });
  const isAbsent = ABSENT.has(code) || code === 'UND_ERR_CONNECT_TIMEOUT';
  const final = new HumanError(`the cluster does not answer (${code || message}).`, {
    place: address,
    remedy: isAbsent
      ? 'Check on.ray, that the Ray dashboard runs there (port 8265), and the network or VPN.'
      : `Check the network. ${RESUME}`,
    kind: 'failed',
    code: 'away',
    cause: error,
  });
  // A connection that broke was none in silence: what had been sent until then is no time away.
  return new Unanswered(final, isAbsent, code === 'UND_ERR_HEADERS_TIMEOUT' ? sendingMs : 0);
}

/**
 * What a status that is no success means.
 * @param said the answer's text
 * @param reads what was looked at; undefined: something was to be changed
 */
export function statusFault(
  status: number,
  said: string,
  { address, secret, reads }: { address: string; secret?: string; reads?: 'job' | 'head' },
): HumanError | Unanswered {
  const failed = (message: string, remedy: string, code?: 'secret' | 'away'): HumanError =>
    new HumanError(message, { place: address, remedy, kind: 'failed', code });
  if (status === 401)
    return failed(
      secret === undefined
        ? 'the cluster wants a token (401).'
        : `the cluster does not accept the token "${secret}" (401): it is missing or has expired.`,
      `${secret === undefined ? 'Name one in on.token' : 'Give a new one'}, and run or resume; what a checkpoint holds is kept.`,
      'secret',
    );
  if (status === 403)
    return failed(
      `the cluster refuses the token${secret === undefined ? '' : ` "${secret}"`} (403): it is wrong, or is not allowed to submit jobs.`,
      'Give another one, and run or resume; what a checkpoint holds is kept.',
      'secret',
    );
  if (status === 413) return tooLarge(undefined, address);
  if (isPassing(status))
    return new Unanswered(failed(`the cluster does not answer (${status}).`, `Try again. ${RESUME}`, 'away'), false);
  // A head that has just started answers before it takes jobs.
  if (/try again later/.test(said))
    return new Unanswered(
      failed(
        `the cluster takes no jobs yet: ${firstLine(said)}`,
        `Wait until it has started, and try again. ${RESUME}`,
        'away',
      ),
      false,
    );
  const words = mainLine(pageTitle(said)?.replace(/^\d+ /, '') ?? said).replace(`${status}: `, '');
  const message = `the cluster answers with status ${status}${words && `: ${words}`}`.replace(/\.?$/, '.');
  // The head does not reach the node of a job, whose agent has its log.
  if (status === 500 && reads === 'job')
    return new Unanswered(failed(message, `Look at the Ray dashboard, and try again. ${RESUME}`, 'away'), false);
  // It may be something else than the cluster, if that is not known.
  if (reads === 'head') {
    const fault = failed(message, `Check on.ray, and ${BEFORE}`, 'away');
    return status === 500 ? new Unanswered(fault, true) : fault;
  }
  if (OF_A_JOB.includes(status)) return failed(message, 'Look at the Ray dashboard.');
  return failed(message, `Check on.ray, and ${BEFORE} ${RESUME}`, 'away');
}

/** What ends the wait for a cluster that had answered: a job may run on it. */
export const staysAway = ({ final, isAbsent }: Unanswered): HumanError => {
  const { message, place, remedy, kind, code, cause } = final;
  return isAbsent ? new HumanError(message, { place, remedy: `${remedy} ${RESUME}`, kind, code, cause }) : final;
};

/** Statuses with which Ray says what is wrong with one job, and no proxy that a session is over. */
const OF_A_JOB = [400, 500];
/**
 * What stands before the head does not get through to it, or has been asked too often; above 520 in the words of
 * Cloudflare.
 */
const isPassing = (status: number): boolean =>
  status === 429 || (status >= 502 && status <= 504) || (status >= 520 && status <= 530);

/** Bytes that Ray takes over HTTP. */
export const MOST_PACKAGE = 100 * 2 ** 20;

export const tooLarge = (bytes: number | undefined, address: string): HumanError =>
  new HumanError(
    `the rows and the plan of the run are too large for Ray's package store${bytes === undefined ? '' : `: ${Math.ceil(bytes / 2 ** 20)} MiB`}; it takes ${MOST_PACKAGE / 2 ** 20} MiB.`,
    {
      place: address,
      remedy:
        'Mount the folder of on.storage on this machine, too: it is then sent that way. Or use fewer rows (data.limit) or epochs, or split the run in two with adapter.init.',
    },
  );

/** The oldest Ray that this is tested with. */
export const OLDEST = [2, 60] as const;

export function requireVersion(version: string, address: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new HumanError(`the cluster runs Ray ${version}; ${OLDEST.join('.')} or newer is needed.`, {
    place: address,
    remedy: 'Update Ray on the cluster.',
    code: 'away',
  });
}

const MEANINGS: readonly [pattern: RegExp, message: (found: RegExpExecArray) => string, remedy: string][] = [
  [
    /No space left on device|Disk quota exceeded/,
    () => 'the disk of the cluster is full.',
    'Free some space in on.storage and on the workers, and resume: the last checkpoint is kept.',
  ],
  [
    /other-model ([0-9a-f]+)/,
    ([, sha256]) => `the model on the cluster is another one than the model here (SHA-256 ${sha256.slice(0, 12)}…).`,
    'Name the folder of the same weights in on.model.',
  ],
  [
    /other-config ([^\n]+)/,
    ([, keys]) => `the model on the cluster has another config.json than the model here: ${keys}.`,
    'Name the folder of the same model in on.model, or put the config.json of the model here there, on every worker.',
  ],
  [
    /not-finite (\d+)/,
    ([, step]) => `the loss or the gradient is not a number (NaN or infinite) at step ${step}.`,
    'Lower optimizer.learningRate, or look for damaged rows or weights.',
  ],
  [
    /Changing the ray version is not allowed/,
    () => 'the packages that on.install installs would change the version of Ray there.',
    'Install the packages of requirements.txt on the workers (docs/scale.md), and set on.install to false.',
  ],
  [
    /No module named '?([\w.]+)/,
    ([, name]) => `Python on the cluster lacks the package ${name}.`,
    'Install the packages of requirements.txt there (docs/scale.md), or set on.install to true.',
  ],
  [
    /NO_SUCH_BUCKET|NoSuchBucket|specified bucket does not exist/,
    () => 'on.storage names a bucket that is not there.',
    'Correct its name in on.storage, or make the bucket.',
  ],
  [
    /is not a local folder|does not appear to have a file named|Incorrect path_or_model_id|FileNotFoundError: .*(?:config\.json|\/model[\w.-]*\.safetensors)/,
    () => 'the model is not where on.model says, or a worker cannot read it.',
    'Every worker must see the folder under the same path.',
  ],
  [
    // Not where OOM is one of the causes that Ray guesses of everything that has ended.
    /OutOfMemoryError|NODE_OUT_OF_MEMORY|\b[Oo]ut of memory\b|\b[Cc]an(?:'t|not) allocate memory\b|\bOOM[Kk]illed\b/,
    () => 'a worker ran out of memory.',
    'Use "strategy": "fsdp" with more workers, "precision": "bf16", or a lower batch.maxTokens; then resume.',
  ],
  [
    /Unable to set up cluster storage/,
    () => 'the workers do not share on.storage.',
    'Name a folder that every worker mounts, or a bucket.',
  ],
  [
    // The functions in which Ray opens it and tries to write there, and how that ends.
    /in (?:get_fs_and_path|_create_validation_file)\n(?:.*\n)*?.*?\b((?:\w*Error|pyarrow\.lib\.\w+): .+)/,
    ([, why]) => `on.storage cannot be used: ${firstLine(why).replace(/\.?$/, '.')}`,
    'Name a folder that every worker mounts and can write to, by an absolute path, or a bucket.',
  ],
  [
    /ActorDiedError: .*\n\s*class_name: TrainController/,
    () => 'the process that leads the workers was lost.',
    'Look at the Ray dashboard for why, and resume: it goes on from the last checkpoint.',
  ],
  [
    /ActorDiedError|WorkerHealthCheck|node .*(died|terminated)|actor died/i,
    () => 'a worker was lost, again and again or just as it began.',
    'Look at the Ray dashboard for why, and resume: it goes on from the last checkpoint.',
  ],
];

/** A job that did not succeed. @param log its last lines */
export function jobFault(
  { id, status, message, log, step }: { id: string; status: string; message: string; log: string; step: number },
  address: string,
): HumanError {
  const place = `${address} ${id}`;
  const kept = step > 0 ? ` Resume goes on from the checkpoint of step ${step}.` : '';
  if (status === 'LOST')
    return new HumanError('the cluster no longer knows the job: its head was restarted, or the job was deleted.', {
      place,
      remedy: kept.trim() || 'Run or resume the recipe once more.',
      kind: 'failed',
    });
  if (status === 'STOPPED')
    return new HumanError('the job was stopped on the cluster, not from here.', {
      place,
      remedy: kept.trim() || 'Run it once more.',
      kind: 'failed',
    });
  for (const text of [log, message])
    for (const [pattern, sentence, remedy] of MEANINGS) {
      const found = pattern.exec(text);
      if (found) return new HumanError(sentence(found), { place, remedy, kind: 'failed' });
    }
  const [, others] = /^other packages: (.+)$/m.exec(log) ?? [];
  return new HumanError(
    `the job failed on the cluster: ${(lastError(log) || mainLine(message)).replace(/\.?$/, '.')}`,
    {
      place,
      remedy: `${others === undefined ? '' : `It may be its packages: it has ${others.slice(0, 300)}. Install those of requirements.txt there (docs/scale.md), or set on.install to true. `}Its whole log is on the Ray dashboard.${kept}`,
      kind: 'failed',
    },
  );
}

/** What a page that people are meant to read is about. */
const pageTitle = (text: string): string | undefined => /<title>([^<]+)<\/title>/i.exec(text.slice(0, 10_000))?.[1];
const firstLine = (text: string): string => (text.trim().split('\n')[0] ?? '').slice(0, 300);
/** What a text says: of a traceback its last line, else its first. */
const mainLine = (text: string): string =>
  firstLine(/\bTraceback \(most recent call last\)/.test(text) ? text.trim().split('\n').at(-1)! : text);
/** The last line that names an error of Python. */
const lastError = (log: string): string =>
  firstLine(
    log
      .split('\n')
      .reverse()
      .find((line) => /^\s*(\(.*?\)\s*)?[\w.]*(Error|Exception)\b/.test(line)) ?? '',
  );
