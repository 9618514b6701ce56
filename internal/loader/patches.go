package loader

import (
	"encoding/json"
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// patchEntry is a patch and where it stands.
type patchEntry struct {
	types.Patch
	where place
}

// patchedFile is a kustomization file with patches, which kustomize applies in this order: last are those that it runs after
// the transformers. Files stand in the order in which kustomize builds them.
type patchedFile struct {
	name      string
	file      *types.Kustomization
	all, last []patchEntry
}

func patchesOf(entries []patchEntry) (patches []types.Patch) {
	for _, e := range entries {
		patches = append(patches, e.Patch)
	}
	return patches
}

// maxBadPatches bounds how many patches that kustomize cannot apply are taken out of one build.
const maxBadPatches = 8

// dropPatch takes a patch out of the build that kustomize cannot apply: the first one with which the build fails and without
// which, and without those after it, it does not.
func (p *plan) dropPatch(build func() (resmap.ResMap, error)) bool {
	var entries []*patchEntry
	for i := range p.patched {
		f := &p.patched[i]
		for _, list := range [][]patchEntry{f.all, f.last} {
			for j := range list {
				entries = append(entries, &list[j])
			}
		}
	}
	if len(entries) == 0 || p.badPatches == maxBadPatches {
		return false
	}
	works := func(n int) (bool, error) {
		p.applyOnly(n)
		_, err := build()
		return err == nil, err
	}
	bad, why := -1, error(nil)
	if len(p.incomplete) > 0 {
		for i, e := range entries {
			if e.Path == "" && !parsesAsPatch(e.Patch.Patch) {
				bad, why = i, errNoPatch
				break
			}
		}
	}
	if ok, _ := works(0); bad < 0 && ok {
		low, high := 0, len(entries) // builds with low patches, fails with high
		for high-low > 1 {
			if ok, err := works((low + high) / 2); ok {
				low = (low + high) / 2
			} else {
				high, why = (low+high)/2, err
			}
		}
		if bad = low; why == nil {
			_, why = works(high)
		}
	}
	if bad < 0 {
		p.applyOnly(len(entries))
		return false
	}
	if len(p.incomplete) > 0 && why != errNoPatch { // it may be for something that only a network could bring
		p.unknown(fleet.UnknownBuild, entries[bad].where, "the patch is for what cannot be read here, so it is left out")
		p.guessed = true
	} else {
		p.problem("build", entries[bad].where, "kustomize cannot apply the patch: %s", explain(why))
	}
	p.unpatched = true
	p.badPatches++
	p.remove(entries[bad])
	p.applyOnly(len(entries) - 1)
	return true
}

// remove takes a patch out.
func (p *plan) remove(bad *patchEntry) {
	without := func(list []patchEntry) (kept []patchEntry) {
		for i := range list {
			if &list[i] != bad {
				kept = append(kept, list[i])
			}
		}
		return kept
	}
	for i := range p.patched {
		f := &p.patched[i]
		f.all, f.last = without(f.all), without(f.last)
	}
}

// applyOnly writes the kustomization files anew, with the first n patches of all.
func (p *plan) applyOnly(n int) {
	first := func(list []patchEntry) []types.Patch {
		take := min(n, len(list))
		n -= take
		return patchesOf(list[:take])
	}
	for _, f := range p.patched {
		k := *f.file
		//lint:ignore SA1019 files may have it all the same
		k.Patches, k.PatchesJson6902 = first(f.all), first(f.last)
		if k.CheckEmpty() != nil {
			k.BuildMetadata = []string{types.OriginAnnotations}
		}
		if text, err := json.Marshal(&k); err == nil { // it was written once
			p.texts[f.name] = text
		}
	}
}

var errNoPatch = fmt.Errorf("unable to parse SM or JSON patch")

// parsesAsPatch tells whether kustomize reads a text as a patch of either kind.
//
// Source: kubernetes-sigs/kustomize api/v0.21.1 internal/builtins/PatchTransformer.go Config.
func parsesAsPatch(text string) bool {
	text = strings.TrimSpace(text)
	if _, err := provider.NewDefaultDepProvider().GetResourceFactory().SliceFromBytes([]byte(text)); err == nil {
		return true
	}
	data := []byte(text)
	if !strings.HasPrefix(text, "[") {
		var err error
		if data, err = sigsyaml.YAMLToJSON(data); err != nil {
			return false
		}
	}
	var operations []map[string]*json.RawMessage
	return json.Unmarshal(data, &operations) == nil
}
