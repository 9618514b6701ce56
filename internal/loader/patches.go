package loader

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"

	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// patchEntry is a patch and where it stands.
type patchEntry struct {
	types.Patch
	where place
}

// patchedFile is a kustomization file with patches, which kustomize applies in this order: last are those that it runs
// after the transformers. Files stand in the order in which kustomize builds them.
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

// dropPatch takes a patch out of the build that kustomize cannot apply, with which the build has failed: the one that
// kustomize names, else the first one without which, and without those after it, the build does not fail.
func (p *plan) dropPatch(failure error, build func() (resmap.ResMap, error)) bool {
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
	bad, why := -1, failure
	if len(p.incomplete) > 0 || strings.Contains(failure.Error(), errNoPatch.Error()) {
		if bad = slices.IndexFunc(entries, func(e *patchEntry) bool {
			return !parsesAsPatch(string(p.patchText(e)))
		}); bad >= 0 {
			why = errNoPatch
		}
	}
	if bad < 0 {
		bad = p.withoutTarget(entries, failure)
	}
	works := func(n int) bool {
		p.applyOnly(n)
		_, err := build()
		if err != nil {
			why = err
		}
		return err == nil
	}
	if bad < 0 && works(0) {
		bad = sort.Search(len(entries)-1, func(i int) bool { return !works(i + 1) })
	}
	if bad < 0 {
		p.applyOnly(len(entries))
		return false
	}
	if len(p.incomplete) > 0 && why != errNoPatch { // it may be for something that only a network could bring
		p.unknown(fleet.UnknownBuild, entries[bad].where,
			"the patch is for what cannot be read here, so it is left out")
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

// noTarget is how kustomize fails where a patch is for an object that is not there.
//
// Source: kubernetes-sigs/kustomize api/v0.21.1 internal/builtins/PatchTransformer.go transformStrategicMerge.
var noTarget = regexp.MustCompile(`no resource matches strategic merge patch "([^"]+)"`)

// withoutTarget is the number of the one patch that kustomize has no object for; -1 where several may be meant.
func (p *plan) withoutTarget(entries []*patchEntry, failure error) int {
	m := noTarget.FindStringSubmatch(failure.Error())
	if m == nil {
		return -1
	}
	isFor := func(e *patchEntry) bool {
		resources, err := provider.NewDefaultDepProvider().GetResourceFactory().SliceFromBytes(p.patchText(e))
		return err == nil && slices.ContainsFunc(resources, func(r *resource.Resource) bool {
			return r.OrgId().String() == m[1]
		})
	}
	first := slices.IndexFunc(entries, isFor)
	if first < 0 || slices.ContainsFunc(entries[first+1:], isFor) {
		return -1
	}
	return first
}

// patchText is the text of a patch, which may stand in a file.
func (p *plan) patchText(e *patchEntry) []byte {
	if e.Path == "" {
		return []byte(e.Patch.Patch)
	}
	if f := p.artifact.file(path.Join(path.Dir(e.where.file), e.Path)); f != nil {
		return f.text()
	}
	return nil
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
