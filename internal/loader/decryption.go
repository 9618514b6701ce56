//lint:file-ignore SA1019 Flux builds with the deprecated fields of a kustomization file, so they are read here.

package loader

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// taken is a kustomization file as it takes part in a build, the root's with what the Flux Kustomization adds.
type taken struct {
	file string
	k    types.Kustomization
	// parent is the one that lists it, by its number; -1 at the root.
	parent    int
	component bool
}

// encryptedPatch is a SOPS-encrypted file that a kustomization patches with.
type encryptedPatch struct {
	where place
	mac   string
	// decrypted: Flux decrypts it before the build, which it does for the entries of "patches" alone.
	decrypted bool
}

// encryptedFile notes that Flux has to decrypt a file that a generator or a patch reads.
func (p *plan) encryptedFile(f *file) {
	before := len(p.encrypted)
	for _, d := range f.docs {
		if d.Encryption != nil {
			p.encrypted = append(p.encrypted, fleet.Origin{File: f.path, Document: d.Index})
		}
	}
	if len(p.encrypted) == before {
		p.encrypted = append(p.encrypted, fleet.Origin{File: f.path, Document: -1})
	}
}

// patchFile notes an encrypted patch. One that is a list has no metadata, since SOPS encrypts mappings alone.
func (p *plan) patchFile(dir, entry string, where place, decrypted bool) {
	f := p.artifact.file(path.Join(dir, entry))
	if f == nil || f.broken || secret.Store(f.text()) == "" {
		return
	}
	p.encryptedFile(f)
	for _, object := range objects(f.text()) {
		p.encryptedPatches = append(p.encryptedPatches, encryptedPatch{where, macOf(object), decrypted})
	}
}

// macOf is the message authentication code in the metadata of SOPS; empty where the object has none.
func macOf(object map[string]any) string {
	metadata, _ := object["sops"].(map[string]any)
	return str(metadata, "mac")
}

// source judges an encrypted file that a generator reads. Flux decrypts files for a secretGenerator before the build,
// by the format that the name of the key tells, and after it what of a Secret's values looks encrypted; nothing for a
// configMapGenerator, but a file that a secretGenerator reads too has been decrypted where it lies.
//
// Source: fluxcd/kustomize-controller v1.9.6 internal/decryptor/decryptor.go DecryptSources, DecryptResource and
// formatForPath.
func (p *plan) source(f *file, g *types.GeneratorArgs, source, list, field string, where place) {
	if f == nil {
		return
	}
	store := secret.Store(f.text())
	if store == "" {
		return
	}
	fault := fleet.DecryptionFault{
		Encrypted: fleet.Origin{File: f.path},
		Origin:    fleet.Origin{File: where.file},
		At:        where.at,
	}
	if field == "configMapGenerator" {
		if g.Options == nil || !decryptionDisabled(g.Options.Annotations) {
			fault.Kind, fault.Why = "config-map", "Flux does not decrypt the files of a configMapGenerator"
			p.faults = append(p.faults, fault)
		}
		return
	}
	p.encryptedFile(f)
	key, _, _ := strings.Cut(source, "=")
	format := formatOf(key)
	if list == "envs" && format == "binary" {
		format = "dotenv"
	}
	p.inPlace[f.path] = p.inPlace[f.path] || format == store
	fault.Kind = "format"
	switch {
	case list == "envs" && format != "dotenv" && store == "dotenv":
		fault.Why = fmt.Sprintf("its name makes Flux read it as %s instead of dotenv, "+
			"so the Secret holds the ciphertext", format)
	case list == "files" && strings.HasSuffix(key, dockerConfig) && store == "binary":
		fault.Why = fmt.Sprintf("the key %q makes Flux read it as JSON instead of binary, "+
			"so the Secret holds no registry credentials", dockerConfig)
	case list == "files" && !secret.Emits(f.text(), store, format):
		fault.Why = fmt.Sprintf("the key %q makes Flux write it as %s instead of %s, "+
			"so the build fails", path.Base(key), format, store)
	default:
		return
	}
	p.faults = append(p.faults, fault)
}

// dockerConfig is the key of a registry's credentials.
const dockerConfig = ".dockerconfigjson"

// formatOf is the format that Flux tells from a name.
//
// Source: getsops/sops v3.13.2 cmd/sops/formats/formats.go FormatForPath.
func formatOf(name string) string {
	for _, format := range []struct{ suffix, name string }{{".yaml", "yaml"}, {".yml", "yaml"}, {".json", "json"},
		{dockerConfig, "json"}, {".env", "dotenv"}, {".ini", "ini"}} {
		if strings.HasSuffix(name, format.suffix) {
			return format.name
		}
	}
	return "binary"
}

// decryptionDisabled: Flux leaves the object as it is encrypted.
func decryptionDisabled[V any](annotations map[string]V) bool {
	value, _ := any(annotations[decryptLabel]).(string)
	return strings.EqualFold(value, "disabled")
}

// decryptionFaults are those of the generators, and of the objects that the build comes to.
func (p *plan) decryptionFaults(all []built) []fleet.DecryptionFault {
	faults := slices.DeleteFunc(p.faults, func(f fleet.DecryptionFault) bool {
		return f.Kind == "config-map" && p.inPlace[f.Encrypted.File]
	})
	return append(faults, p.changed(all)...)
}

// changed are the leaves that the build puts inside an encrypted region, and the ciphertexts that it moves. What is no
// ciphertext of SOPS in the file already is a fault of the file.
func (p *plan) changed(all []built) (faults []fleet.DecryptionFault) {
	originals := map[string]map[int]map[string]any{}
	for _, b := range all {
		mac := macOf(b.object)
		meta, _ := b.object["metadata"].(map[string]any)
		annotations, _ := meta["annotations"].(map[string]any)
		f := p.artifact.tree.file(b.origin.File)
		if mac == "" || f == nil || len(b.origin.Field) > 0 || decryptionDisabled(annotations) {
			continue
		}
		if originals[f.path] == nil {
			originals[f.path] = maps.Collect(f.inOrder())
		}
		original := originals[f.path][b.origin.Document]
		if reflect.DeepEqual(original, b.object) {
			continue
		}
		fault := func(where place, field []any) {
			origin := fleet.Origin{File: where.file}
			if origin.File == b.origin.File {
				origin = b.origin
			}
			f := fleet.DecryptionFault{Kind: "changed", Encrypted: b.origin, Field: field, Origin: origin, At: where.at}
			faults = append(faults, f)
		}
		before := map[string]bool{} // what is a fault of the file
		if own := macOf(original); own != mac {
			i := slices.IndexFunc(p.encryptedPatches, func(patch encryptedPatch) bool { return patch.mac == mac })
			if i < 0 {
				continue
			}
			patch := p.encryptedPatches[i]
			switch {
			case patch.decrypted && own != "": // and so it puts plain text inside the region
				fault(patch.where, []any{})
			case own != "": // what is left of the other file has another key
				eachCiphertext(b.object, func(text string, field []any) {
					if at(original, field) == text {
						fault(patch.where, field)
					}
				})
			}
			if patch.decrypted {
				continue
			}
		} else {
			for _, d := range f.docs {
				if d.Index == b.origin.Document && d.Encryption != nil {
					for _, old := range d.Encryption.Faults {
						before[fmt.Sprint(old.Field)] = true
					}
				}
			}
		}
		var node yaml.Node
		if node.Encode(b.object) != nil {
			continue
		}
		for _, leaf := range encryptionFaults(&node) {
			if (leaf.Kind == "plain" || leaf.Kind == "malformed") && !before[fmt.Sprint(leaf.Field)] {
				fault(p.changer(b, leaf.Field), leaf.Field)
			}
		}
		p.moved(b, original, fault)
	}
	return faults
}

// transformed are the encrypted objects with the metadata that the kustomization files give them, where the build
// fails: kustomize keeps names that it has changed in a list with commas in between, and gives up where a name is a
// ciphertext, with commas in it.
//
// Source: kubernetes-sigs/kustomize api/v0.21.1 resource/resource.go PrevIds.
func (p *plan) transformed(all []built) (out []built) {
	for _, b := range all {
		meta, _ := b.object["metadata"].(map[string]any)
		if meta == nil || macOf(b.object) == "" {
			continue
		}
		meta = maps.Clone(meta)
		name, _ := meta["name"].(string)
		labels, annotations := map[string]string{}, map[string]string{}
		for _, i := range slices.Backward(p.through(b.origin.File)) { // what is above comes last
			k := p.taken[i].k
			if k.Namespace != "" {
				meta["namespace"] = k.Namespace
			}
			name = k.NamePrefix + name + k.NameSuffix
			maps.Copy(labels, k.CommonLabels)
			for _, label := range k.Labels {
				maps.Copy(labels, label.Pairs)
			}
			maps.Copy(annotations, k.CommonAnnotations)
		}
		meta["name"] = name
		object := maps.Clone(b.object)
		object["metadata"] = meta
		out = append(out, built{object: withMetadata(object, labels, annotations), origin: b.origin})
	}
	return out
}

// encryptionFaults are those of an object that SOPS has encrypted.
func encryptionFaults(object *yaml.Node) []fleet.EncryptionFault {
	e := secret.Encryption(object)
	if e != nil && !strings.HasSuffix(e.Selector, "_comment_regex") { // comments are lost in a build
		return e.Faults
	}
	return nil
}

// moved finds the ciphertexts that stood elsewhere in the document: SOPS decrypts each under its own keys alone.
func (p *plan) moved(b built, original map[string]any, fault func(place, []any)) {
	was := map[string][]string{}
	eachCiphertext(original, func(text string, field []any) { was[text] = append(was[text], keysOf(field)) })
	eachCiphertext(b.object, func(text string, field []any) {
		if keys := was[text]; len(keys) > 0 && !slices.Contains(keys, keysOf(field)) {
			fault(p.changer(b, field), field)
		}
	})
}

// eachCiphertext calls do for each leaf of an object that is one of SOPS, but for its metadata, keys in their order.
func eachCiphertext(object map[string]any, do func(text string, field []any)) {
	eachText(object, nil, func(text string, field []any) {
		if strings.HasPrefix(text, "ENC[") && field[0] != "sops" {
			do(text, slices.Clone(field))
		}
	})
}

// keysOf is a field as SOPS binds a ciphertext to it: without the numbers of entries.
func keysOf(field []any) string {
	var keys strings.Builder
	for _, step := range field {
		if key, ok := step.(string); ok {
			keys.WriteString(key + ":")
		}
	}
	return keys.String()
}

// changer is the entry that puts a leaf into an object, of the kustomization files that the object goes through or of
// the Flux Kustomization, which has no file; the leaf in its document where none shows.
func (p *plan) changer(b built, field []any) place {
	chain := p.through(b.origin.File)
	value, _ := at(b.object, field).(string)
	key := lastKey(field)
	inMetadata := len(field) > 1 && field[0] == "metadata"
	for _, i := range chain {
		where := func(at ...any) place { return place{file: p.taken[i].file, at: at} }
		ofSpec := func(own string, set bool, at ...any) place {
			if i == 0 && set {
				return place{at: []any{"spec", own}}
			}
			return where(at...)
		}
		k := p.taken[i].k
		switch {
		case inMetadata && key == "namespace" && k.Namespace != "" && k.Namespace == value:
			return ofSpec("targetNamespace", p.spec.Namespace != "", "namespace")
		case inMetadata && key == "name" && k.NamePrefix != "" && strings.HasPrefix(value, k.NamePrefix):
			return ofSpec("namePrefix", p.spec.Prefix != "", "namePrefix")
		case inMetadata && key == "name" && k.NameSuffix != "" && strings.HasSuffix(value, k.NameSuffix):
			return ofSpec("nameSuffix", p.spec.Suffix != "", "nameSuffix")
		case key != "" && k.CommonLabels[key] == value && has(k.CommonLabels, key):
			return where("commonLabels", key)
		case key != "" && k.CommonAnnotations[key] == value && has(k.CommonAnnotations, key):
			return where("commonAnnotations", key)
		case slices.Contains(k.BuildMetadata, types.ManagedByLabelOption) && key == "app.kubernetes.io/managed-by",
			slices.Contains(k.BuildMetadata, types.OriginAnnotations) && key == "config.kubernetes.io/origin",
			slices.Contains(k.BuildMetadata, types.TransformerAnnotations) &&
				key == "alpha.config.kubernetes.io/transformations":
			return ofSpec("buildMetadata", len(p.spec.BuildMetadata) > 0, "buildMetadata")
		}
		for j, replicas := range k.Replicas {
			if key == "replicas" && replicas.Name == at(b.object, []any{"metadata", "name"}) {
				return where("replicas", j)
			}
		}
		for j, label := range k.Labels {
			if key != "" && label.Pairs[key] == value && has(label.Pairs, key) {
				return where("labels", j, "pairs", key)
			}
		}
	}
	for _, i := range chain {
		if where, ok := p.patching(i, key); ok {
			return where
		}
	}
	return place{b.origin.File, field}
}

// patching is the entry of a kustomization file that patches and speaks of the key.
func (p *plan) patching(i int, key string) (place, bool) {
	k, dir := p.taken[i].k, path.Dir(p.taken[i].file)
	speaks := func(text, file string) bool {
		if f := p.artifact.tree.file(path.Join(dir, file)); file != "" && f != nil {
			text += string(f.text())
		}
		return strings.Contains(text, key)
	}
	own := len(k.Patches)
	if i == 0 {
		own -= len(p.spec.Patches)
	}
	for j, patch := range k.Patches {
		if speaks(patch.Patch, patch.Path) {
			if j >= own {
				return place{at: []any{"spec", "patches", j - own, "patch"}}, true
			}
			text := "patch"
			if patch.Path != "" {
				text = "path"
			}
			return place{file: p.taken[i].file, at: []any{"patches", j, text}}, true
		}
	}
	merges, operations := k.PatchesStrategicMerge, k.PatchesJson6902
	for j, patch := range merges {
		inline, file := string(patch), ""
		if !strings.Contains(inline, "\n") {
			inline, file = "", inline
		}
		if speaks(inline, file) {
			return place{file: p.taken[i].file, at: []any{"patchesStrategicMerge", j}}, true
		}
	}
	for j, patch := range operations {
		if speaks(patch.Patch, patch.Path) {
			return place{file: p.taken[i].file, at: []any{"patchesJson6902", j}}, true
		}
	}
	for j, replacement := range k.Replacements {
		text, _ := json.Marshal(replacement)
		if speaks(string(text), replacement.Path) {
			return place{file: p.taken[i].file, at: []any{"replacements", j}}, true
		}
	}
	for j, entry := range k.Transformers {
		if speaks(entry, entry) {
			return place{file: p.taken[i].file, at: []any{"transformers", j}}, true
		}
	}
	return place{}, false
}

// through are the kustomization files that a resource goes through, by their numbers: those above it, the root first,
// since what is above overwrites what is below, and then their components.
func (p *plan) through(file string) (chain []int) {
	last, ok := p.listedBy[file]
	if !ok {
		last = 0
	}
	for i := last; i >= 0; i = p.taken[i].parent {
		chain = append(chain, i)
	}
	slices.Reverse(chain)
	for i, t := range p.taken {
		if t.component && slices.Contains(chain, t.parent) && !slices.Contains(chain, i) {
			chain = append(chain, i)
		}
	}
	return chain
}

func has(m map[string]string, key string) bool {
	_, ok := m[key]
	return ok
}

// at is what stands at a field; nil where there is nothing.
func at(v any, field []any) any {
	for _, step := range field {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			l, _ := v.([]any)
			if step < 0 || step >= len(l) {
				return nil
			}
			v = l[step]
		}
	}
	return v
}

// lastKey is the last step of a field that is a key.
func lastKey(field []any) string {
	for i := len(field) - 1; i >= 0; i-- {
		if key, ok := field[i].(string); ok {
			return key
		}
	}
	return ""
}
