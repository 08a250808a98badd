/** What ships of other people: their packages, with licence texts (dist/NOTICES.txt) and as a bill of materials. */
import { Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const { ComponentType, HashAlgorithm } = Enums;
const { Bom, Component, ComponentRepository, HashDictionary, LicenseExpression, LicenseRepository } = Models;
const { Metadata, SpdxLicense } = Models;
const root = path.dirname(fileURLToPath(import.meta.url));

/** Not bundled: these are packed as they are. */
const PACKED = ['node_modules/onnxruntime-common', 'node_modules/onnxruntime-node'];

/**
 * The packages of which code is in the bundles, and those that are packed.
 *
 * @param metafiles of esbuild, one per bundle
 */
export async function shippedPackages(metafiles) {
  const folders = new Set(PACKED);
  for (const { inputs } of metafiles.flatMap(({ outputs }) => Object.values(outputs)))
    for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
      // From the root: where node_modules is a link, the bundler names files where they are.
      const folder = /node_modules\/(?:.*node_modules\/)?(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
      if (folder && bytesInOutput > 0) folders.add(folder);
    }
  const { packages: locked } = JSON.parse(await readFile(path.join(root, 'package-lock.json'), 'utf8'));
  return Promise.all(
    [...folders].sort().map(async (folder) => {
      const { name, version, license } = JSON.parse(await readFile(path.join(root, folder, 'package.json'), 'utf8'));
      const text = await licenceText(folder, name);
      if (!text) throw new Error(`${name} ships without its licence text. Write it to media/licences/${name}.txt.`);
      return { name, version, license, text, integrity: locked[folder].integrity };
    }),
  );
}

/**
 * A package's own licence file, and the text in media/licences/: for packages that have no such file, and for those
 * that contain the code of others.
 */
async function licenceText(folder, name) {
  const file = (await readdir(path.join(root, folder))).find((each) => /^licen[cs]e/i.test(each));
  const files = [file && path.join(root, folder, file), path.join(root, 'media/licences', `${name}.txt`)];
  const texts = await Promise.all(files.map((each) => each && readFile(each, 'utf8').catch(() => '')));
  return texts.flatMap((text) => text?.trim() || []).join('\n\n');
}

/** Licences in full: most of them ask for that wherever their code goes. */
export const notices = (packages) =>
  packages
    .map(({ name, version, license, text }) => `${name} ${version}: ${license}\n\n${text}`)
    .join(`\n\n${'-'.repeat(80)}\n\n`) + '\n';

/**
 * The packages as CycloneDX 1.6. It has neither date nor serial number, and its lists stand in the order of `packages`
 * (the library would sort by locale): the same packages give the same bytes.
 */
export function billOfMaterials({ name, version }, packages) {
  const product = new Component(ComponentType.Application, name, { bomRef: name, version });
  const components = packages.map((each) => {
    const [, group, short] = /^(?:(@.+)\/)?(.+)$/.exec(each.name);
    const purl = `pkg:npm/${each.name.replace('@', '%40')}@${each.version}`;
    const isSingle = /^[\w.-]+$/.test(each.license);
    const licence = isSingle ? new SpdxLicense(each.license) : new LicenseExpression(each.license);
    const sha512 = Buffer.from(each.integrity.replace('sha512-', ''), 'base64').toString('hex');
    return new Component(ComponentType.Library, short, {
      ...{ bomRef: purl, purl, group, version: each.version },
      licenses: new LicenseRepository([licence]),
      hashes: new HashDictionary([[HashAlgorithm['SHA-512'], sha512]]),
    });
  });
  for (const { bomRef } of components) product.dependencies.add(bomRef);
  const metadata = new Metadata({ component: product });
  const bom = new Bom({ metadata, components: new ComponentRepository(components) });
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return serializer.serialize(bom, { space: 2 }) + '\n';
}
