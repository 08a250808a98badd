/**
 * The film of the README, 20 seconds, from the pictures that the walk `film` leaves in out/walks.
 *
 *   npm start && node test/vscode/runScenarios.mjs FILE.vsix --walks film && node test/vscode/film.mjs
 */
import gifenc from 'gifenc';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setup } from './host/setup.mjs';

const { GIFEncoder, quantize, applyPalette } = gifenc;
const root = path.resolve(import.meta.dirname, '../..');
const shots = path.join(root, 'out/walks');
const [WIDTH, HEIGHT] = [1080, 675];
const MOST_BYTES = 2e6;

/** The story, with how long each picture stays, in seconds; 20 in all. */
const PICTURES = [
  ['f1-workspace', 3],
  ['f2-vector', 3.5],
  ['f3-plain', 3.5],
  ['f4-protected', 3.5],
  ['f5-table', 3.5],
  ['f6-answers', 3],
];
/** Pictures of the README beside the film. */
const STILLS = { 'vector.png': 'f2-vector', 'protected.png': 'f5-table' };

await setup();
const { startBrowser } = await import('./host/server.mjs');
const browser = await startBrowser();
const page = await browser.newPage({ viewport: { width: WIDTH, height: HEIGHT } });

/** A picture at the size of the film, as bytes of colour. */
async function pixels(name) {
  const picture = (await readFile(path.join(shots, `${name}-dark.png`))).toString('base64');
  const data = await page.evaluate(
    async ([source, width, height]) => {
      const image = new Image();
      image.src = `data:image/png;base64,${source}`;
      await image.decode();
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [width, height];
      const brush = canvas.getContext('2d');
      brush.imageSmoothingQuality = 'high';
      brush.drawImage(image, 0, 0, width, height);
      const { data } = brush.getImageData(0, 0, width, height);
      return btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join(''));
    },
    [picture, WIDTH, HEIGHT],
  );
  return new Uint8Array(Buffer.from(data, 'base64'));
}

const film = GIFEncoder();
for (const [name, seconds] of PICTURES) {
  const rgba = await pixels(name);
  const palette = quantize(rgba, 96);
  film.writeFrame(applyPalette(rgba, palette), WIDTH, HEIGHT, { palette, delay: seconds * 1000 });
}
film.finish();
await browser.close();

const media = path.join(root, 'media');
await mkdir(media, { recursive: true });
const file = path.join(media, 'story.gif');
await writeFile(file, film.bytes());
for (const [to, from] of Object.entries(STILLS))
  await writeFile(path.join(media, to), await readFile(path.join(shots, `${from}-dark.png`)));
const { size } = await stat(file);
const seconds = PICTURES.reduce((sum, [, each]) => sum + each, 0);
console.log(`${path.relative(root, file)}: ${PICTURES.length} pictures, ${seconds} s, ${(size / 1e6).toFixed(2)} MB`);
if (size > MOST_BYTES) throw new Error(`the film has more than ${MOST_BYTES / 1e6} MB`);
process.exit();
