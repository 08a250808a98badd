/** Every fault of a run on a cluster as the fake Jobs server plays it, with what is said of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { statusFault, Unanswered } from '../../runtime/cluster/faults.js';
import { secretKey } from '../../runtime/contract/secrets.js';
import { faultless, messagesOf, noteLine, numbered, type Script } from '../support/rayServer.js';
import { PATIENCE, recorded, said, stepsOf, useCluster } from './support.js';

const { server, recipe, run, outputFolder, nextOutput } = await useCluster();

/** A piece of a message, which was said before. */
const part = (data: string): string => `@security-vectors ${JSON.stringify({ seq: 1, kind: 'part', data })}`;

/** What Ray says where it cannot use a storage: in the words of its controller, whose name stands before each line. */
const storageTrace = (within: string, error: string): string =>
  [
    '    return StorageContext(',
    `  File "storage.py", line 418, in ${within}`,
    '    self.storage_filesystem.create_dir(self.experiment_fs_path)',
    '  File "pyarrow/error.pxi", line 92, in pyarrow.lib.check_status',
    error,
  ]
    .map((line) => `\u001b[36m(TrainController pid=8984)\u001b[0m ${line}`)
    .join('\n');

/** What Ray says of a process that was killed. */
const diedTrace = (name: string, exit: string): string =>
  [
    '(raylet) A worker died or was killed while executing a task by an unexpected system error. Worker exit type: SYSTEM_ERROR',
    '(raylet) Raylet is terminated. Termination is unexpected. Possible reasons include: (1) SIGKILL by the user or system OOM killer',
    '(raylet) The node has been marked dead. This can happen when a (1) raylet crashes unexpectedly (OOM, etc.)',
    'ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.',
    `\tclass_name: ${name}`,
    `The actor is dead because its worker process has died. Worker exit type: ${exit} Some common causes include: (1) the process was killed by the OOM killer due to high memory usage (verifiable by checking for OOM in dmesg)`,
  ].join('\n');

const RAY_KEY = secretKey(server.address, 'RAY_KEY');

describe('faults of a run on a cluster', () => {
  it('a cluster that cannot be reached is named before anything is computed', async () => {
    const { error } = await run(await recipe({}, { ray: 'http://127.0.0.1:9' }));
    assert.match(error!.message, /does not answer \(ECONNREFUSED\)/);
    assert.match(error!.remedy!, /on\.ray/);
  });

  it('what answers with an error of its own before it is known as a cluster is named at once', async () => {
    server.instead = () => ({ status: 500, text: 'Internal Server Error' });
    const { error } = await run(await recipe());
    assert.match(error!.message, /answers with status 500: Internal Server Error/);
    assert.doesNotMatch(error!.remedy!, /The job goes on/);
    assert.match(error!.remedy!, /on\.ray/);
    assert.equal(server.calls.length, 1);
  });

  it('what answers and is no dashboard is named by its own words, and has no job that is resumed', async () => {
    const page = '<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title></head>\r\n</html>';
    for (const [status, text, words] of [
      [404, '404: Not Found', 'Not Found.'],
      [400, page, 'The plain HTTP request was sent to HTTPS port.'],
    ] as const) {
      server.instead = () => ({ status, text });
      const { error } = await run(await recipe());
      assert.equal(error!.message, `the cluster answers with status ${status}: ${words}`);
      assert.equal(error!.remedy, 'Check on.ray, and whether a proxy before it wants a login.');
      nextOutput();
    }
  });

  it('a cluster without TLS that is asked by https is named at once', async () => {
    const { error } = await run(await recipe({}, { ray: server.address.replace('http:', 'https:') }));
    assert.match(error!.message, /nothing answers with https there/);
    assert.match(error!.remedy!, /http:\/\/ instead of https/);
  });

  it('an address that is no Ray, and a Ray that is too old', async () => {
    server.instead = (call) => (call.endsWith('/version') ? { status: 200, text: '<html>' } : undefined);
    assert.match((await run(await recipe())).error!.message, /not that of a Ray Jobs server/);
    server.instead = () => undefined;
    server.version = '2.9.3';
    assert.match((await run(await recipe())).error!.message, /Ray 2\.9\.3; 2\.60 or newer/);
  });

  it('a status of what stands before the cluster is none of a job, and what passes is tried again', () => {
    const of = (status: number): string => {
      const fault = statusFault(status, '', { address: server.address });
      return fault instanceof Unanswered ? `${fault.final.code}, again` : String(fault.code);
    };
    for (const status of [302, 307, 402, 404, 407, 451, 511]) assert.equal(of(status), 'away', `${status}`);
    for (const status of [429, 502, 503, 504, 520, 522, 530]) assert.equal(of(status), 'away, again', `${status}`);
    for (const status of [400, 500]) assert.equal(of(status), 'undefined', `${status}`);
    for (const status of [401, 403]) assert.equal(of(status), 'secret', `${status}`);
    for (const reads of ['job', 'head'] as const)
      assert.ok(statusFault(500, '', { address: server.address, reads }) instanceof Unanswered, reads);
  });

  const traceback = `Traceback (most recent call last):\n  File "job_head.py", line 1\nConnectionError: Cannot connect to host 10.0.0.7\n`;
  it('a head that does not reach the node of a job is asked again, and what it says is said', async () => {
    const asked = new Map<string, number>();
    const isFirst = (call: string): boolean => asked.set(call, (asked.get(call) ?? 0) + 1).get(call) === 2;
    server.instead = (call) =>
      /^GET .*train-/.test(call) && isFirst(call) ? { status: 500, text: traceback } : undefined;
    const { done, error, events } = await run(await recipe());
    assert.equal(done?.outcome, 'finished', error?.message);
    assert.match(
      said(events),
      /answers with status 500: ConnectionError: Cannot connect to host 10\.0\.0\.7\. Trying again/,
    );
    assert.deepEqual(stepsOf(events), [1, 2, 3, 4]);
  });

  it('a proxy that does not find its cluster for a while says nothing of the job, and nothing of its package', async () => {
    const asked = new Map<string, number>();
    const isEarly = (call: string): boolean => asked.set(call, (asked.get(call) ?? 0) + 1).get(call)! < 3;
    const notFound = { status: 404, text: '404 page not found' };
    server.instead = (call) => (/^GET .*(packages|train-)/.test(call) && isEarly(call) ? notFound : undefined);
    const { done, error, events } = await run(await recipe());
    assert.equal(done?.outcome, 'finished', error?.message);
    assert.match(said(events), /answers with status 404: 404 page not found\. Trying again/);
    assert.equal(server.jobs.size, 1);
    server.instead = (call) => (call.endsWith('/logs') ? notFound : undefined);
    nextOutput();
    const ended = await run(await recipe(), { patience: { ...PATIENCE, awayMs: 20 } });
    assert.deepEqual([ended.error!.code, /no longer knows/.test(ended.error!.message)], ['away', false]);
    assert.match(ended.error!.remedy!, /whether a proxy before it wants a login\. A job that runs there goes on/);
  });

  it('a job that failed with its node, which has its log, ends the run with what Ray says of it', async () => {
    server.script = function* (job) {
      yield [];
      job.message = 'Nobody knows why.';
      return 'FAILED';
    };
    server.instead = (call) =>
      call.endsWith('/logs') && [...server.jobs.values()][0]!.status === 'FAILED'
        ? { status: 500, text: traceback }
        : undefined;
    const { error } = await run(await recipe(), { patience: { ...PATIENCE, awayMs: 600_000, stopMs: 20 } });
    assert.equal(error!.message, 'the job failed on the cluster: Nobody knows why.');
  });

  it('a job for which Ray cannot install packages ends with what is wrong, of which there is no log', async () => {
    server.script = function* (job) {
      yield [];
      job.message =
        'runtime_env setup failed: Failed to set up runtime environment.\n[Node 10.0.0.7] Traceback (most recent call last):\n  File "plugin.py", line 265, in create\nSubprocessCalledProcessError: Run cmd[9] failed.\n    ERROR: No matching distribution found for torch==2.15.0\n';
      return 'FAILED';
    };
    const { error } = await run(await recipe({}, { install: true }));
    assert.match(error!.message, /failed on the cluster: ERROR: No matching distribution found for torch==2\.15\.0\.$/);
  });

  it('a token that is wrong', async () => {
    server.instead = () => ({ status: 403 });
    const { error } = await run(await recipe({}, { token: 'RAY_KEY' }), { secrets: { [RAY_KEY]: 'x' } });
    assert.match(error!.message, /refuses the token "RAY_KEY" \(403\)/);
  });

  it('a token that expires: the job goes on, and a run that is resumed finds it and misses nothing', async () => {
    let looks = 0;
    server.instead = (call) => (/\/logs$/.test(call) && ++looks > 5 ? { status: 401 } : undefined);
    const file = await recipe({}, { token: 'RAY_KEY' });
    const first = await run(file, { secrets: { [RAY_KEY]: 'old' } });
    assert.match(first.error!.message, /does not accept the token "RAY_KEY" \(401\)/);
    const [id] = [...server.jobs.keys()];
    server.instead = () => undefined;
    const second = await run(file, { resume: true, secrets: { [RAY_KEY]: 'new' } });
    assert.equal(second.done?.outcome, 'finished', second.error?.message);
    assert.deepEqual([...server.jobs.keys()], [id], 'the same job');
    assert.deepEqual(stepsOf(await recorded(outputFolder())), [1, 2, 3, 4]);
  });

  it('a network that is away for a while is said, and nothing is lost', async () => {
    let looks = 0;
    server.instead = (call) => (/GET .*train-/.test(call) && ++looks > 6 && looks < 12 ? 'broken' : undefined);
    const { done, error, events } = await run(await recipe());
    assert.equal(done?.outcome, 'finished', error?.message);
    assert.match(said(events), /the cluster does not answer .*Trying again for 1 min\. A running job goes on/);
    assert.match(said(events), /the cluster answers again/);
    assert.deepEqual(stepsOf(events), [1, 2, 3, 4]);
  });

  it('a network that stays away ends the run, not the job', async () => {
    let looks = 0;
    server.instead = (call) => (/GET .*train-/.test(call) && ++looks > 6 ? 'broken' : undefined);
    const { error } = await run(await recipe(), { patience: { ...PATIENCE, awayMs: 50 } });
    assert.match(error!.remedy!, /Resume the run: it finds its job again/);
    assert.equal([...server.jobs.values()][0]!.status, 'RUNNING');
  });

  it('a lost worker: what it says again is heard once', async () => {
    server.script = function* (job) {
      const groups = messagesOf(job);
      const say = numbered();
      const before = groups.slice(0, 4).map((group) => group.flatMap(say));
      yield* before;
      // From the checkpoint of step 2 on, with the same numbers.
      const known = before.slice(0, 3).flat();
      yield [...known, noteLine('restarted', { step: 2 })];
      const again = numbered(known.length + 1);
      for (const group of groups.slice(3)) yield group.flatMap(again);
      return 'SUCCEEDED';
    };
    const { done, error, events } = await run(await recipe());
    assert.equal(done?.outcome, 'finished', error?.message);
    assert.deepEqual(stepsOf(events), [1, 2, 3, 4]);
    assert.match(said(events), /a worker was lost.*goes on from step 2/);
  });

  /** A job that ends like this after its second checkpoint. */
  const endsWith = (end: (job: Parameters<Script>[0]) => ReturnType<Script>): Script =>
    function* (job) {
      const say = numbered();
      for (const group of messagesOf(job).slice(0, 3)) yield group.flatMap(say);
      return yield* end(job);
    };

  it('a head that was restarted knows the job no longer: resuming sends another, from the checkpoint', async () => {
    server.script = endsWith(function* (job) {
      server.jobs.delete(job.id);
      yield [];
      return 'FAILED';
    });
    const file = await recipe();
    const { error } = await run(file);
    assert.match(error!.message, /no longer knows the job/);
    assert.match(error!.remedy!, /checkpoint of step 2/);
    server.script = faultless;
    const { done } = await run(file, { resume: true });
    assert.equal(done!.outcome, 'finished');
    assert.deepEqual(stepsOf(await recorded(outputFolder())), [1, 2, 3, 4]);
  });

  it('the checkpoint that resuming goes on from is named, not the step at which the job ended', async () => {
    server.script = function* (job) {
      const say = numbered();
      for (const group of messagesOf(job).slice(0, 4)) yield group.flatMap(say);
      return 'STOPPED';
    };
    const { error, events } = await run(await recipe());
    assert.deepEqual(stepsOf(events), [1, 2, 3]);
    assert.match(error!.message, /the job was stopped on the cluster, not from here/);
    assert.match(error!.remedy!, /checkpoint of step 2/);
  });

  it('of a failure that nobody knows it is said which packages there are other ones', async () => {
    server.script = endsWith(function* () {
      yield ['other packages: transformers 4.53.3 instead of 5.23.0', 'TypeError: strange'];
      return 'FAILED';
    });
    const { error } = await run(await recipe());
    assert.match(error!.message, /failed on the cluster: TypeError: strange/);
    assert.match(error!.remedy!, /packages: it has transformers 4\.53\.3 instead of 5\.23\.0\. .*requirements\.txt/);
  });

  for (const [what, log, expected] of [
    ['a full disk', 'OSError: [Errno 28] No space left on device', /the disk of the cluster is full/],
    ['another model there', 'RuntimeError: other-model 0123456789abcdef', /another one than the model here/],
    [
      'another config there',
      'RuntimeError: other-config rms_norm_eps, rope_parameters.rope_theta',
      /another config\.json than the model here: rms_norm_eps, rope_parameters\.rope_theta\./,
    ],
    ['a package that is missing', "ModuleNotFoundError: No module named 'peft'", /lacks the package peft/],
    [
      'another Ray by on.install',
      'RuntimeError: Changing the ray version is not allowed: \n  current version: 2.61.0',
      /on\.install installs would change the version of Ray/,
    ],
    [
      'a bucket that is not there',
      "OSError: When initiating multiple part upload for key 'x/.validate_storage_marker' in bucket 'b': AWS Error NO_SUCH_BUCKET during CreateMultipartUpload operation: The specified bucket does not exist",
      /on\.storage names a bucket that is not there/,
    ],
    [
      'a storage that other workers do not see',
      '  File "storage.py", line 456, in _check_validation_file\n    raise RuntimeError(\nRuntimeError: Unable to set up cluster storage with the following settings:\nStorageContext<',
      /the workers do not share on\.storage/,
    ],
    [
      'a storage that cannot be written',
      storageTrace(
        '_create_validation_file',
        "OSError: [Errno 30] Cannot create directory '/shared/x'. Detail: [errno 30] Read-only file system",
      ),
      /on\.storage cannot be used: OSError: .*Read-only file system\.$/,
    ],
    [
      'a storage that is no absolute path',
      storageTrace('get_fs_and_path', "pyarrow.lib.ArrowInvalid: URI has empty scheme: 'shared/x'"),
      /on\.storage cannot be used: pyarrow\.lib\.ArrowInvalid: URI has empty scheme: 'shared\/x'\.$/,
    ],
    [
      'a model that is not there',
      "FileNotFoundError: [Errno 2] No such file or directory: '/models/tiny/model.safetensors'",
      /the model is not where on\.model says/,
    ],
    [
      'a worker that is killed',
      diedTrace('RayTrainWorker', 'SYSTEM_ERROR'),
      /a worker was lost, again and again or just as it began/,
    ],
    ['a leader that is killed', diedTrace('TrainController', 'SYSTEM_ERROR'), /the process that leads .* was lost\./],
    ['memory that Ray frees', diedTrace('RayTrainWorker', 'NODE_OUT_OF_MEMORY'), /ran out of memory/],
    [
      'what ends a job that had lost a worker',
      `${diedTrace('', '').split('\n').slice(0, 3).join('\n')}\nValueError: strange`,
      /failed on the cluster: ValueError: strange/,
    ],
    ['memory that ran out', 'torch.OutOfMemoryError: CUDA out of memory.', /ran out of memory/],
    ['a loss that is no number', 'RuntimeError: not-finite 3', /not a number .* at step 3/],
    ['a container that was ended', 'pod worker-0: OOMKilled', /ran out of memory/],
    ['what nobody knows', 'ValueError: strange', /failed on the cluster: ValueError: strange/],
    ['a path', 'loading /models/bloom-560m\nValueError: strange', /failed on the cluster: ValueError: strange/],
    [
      'what stands behind numbers',
      `${part('oOm/OOM/')}\nValueError: strange`,
      /failed on the cluster: ValueError: strange/,
    ],
  ] as const)
    it(`${what} on the cluster is said`, async () => {
      server.script = endsWith(function* () {
        yield [log];
        return 'FAILED';
      });
      const { error } = await run(await recipe());
      assert.match(error!.message, expected);
      assert.ok(error!.remedy);
    });

  it('a job of the same name that is not ours is left alone', async () => {
    server.instead = (call) => (call === 'POST /api/jobs/' ? { status: 400, text: 'Job already exists.' } : undefined);
    const { error } = await run(await recipe());
    assert.match(error!.message, /another job of the name .* not of this run/);
  });

  it('an answer to a submission that is lost on its way: the job that is there is taken', async () => {
    let posted = 0;
    server.instead = (call) => (call === 'POST /api/jobs/' && ++posted === 1 ? 'unanswered' : undefined);
    const { done, error } = await run(await recipe());
    assert.equal(done?.outcome, 'finished', error?.message);
    assert.equal(posted, 1);
    assert.equal(server.jobs.size, 1);
  });

  it('a damaged message, and an adapter that is not what was sent, are not taken', async () => {
    const changed = (change: (message: Record<string, unknown>) => void): Script =>
      function* (job) {
        const say = numbered();
        for (const group of messagesOf(job)) {
          group.forEach(change);
          yield group.flatMap(say);
        }
        return 'SUCCEEDED';
      };
    server.script = changed((message) => message.kind === 'step' && (message.tokens = 'many'));
    assert.match((await run(await recipe())).error!.message, /log of the job is damaged/);
    nextOutput();
    server.script = changed((message) => message.kind === 'adapter' && (message.sha256 = '0'.repeat(64)));
    assert.match((await run(await recipe())).error!.message, /its SHA-256 differs/);
  });
});
