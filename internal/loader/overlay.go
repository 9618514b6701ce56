package loader

import (
	"encoding/json"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/resid"
)

// overlaySpec is what a Flux Kustomization's spec adds to the kustomization file of its path.
//
// Source: fluxcd/pkg kustomize/kustomize_generator.go GenerateManifest.
type overlaySpec struct {
	Namespace, Prefix, Suffix string
	Patches                   []types.Patch
	Components                []string
	IgnoreMissingComponents   bool
	Images                    []types.Image
	BuildMetadata             []string
}

func newOverlaySpec(spec kustomizev1.KustomizationSpec) overlaySpec {
	o := overlaySpec{Namespace: spec.TargetNamespace, Prefix: spec.NamePrefix, Suffix: spec.NameSuffix,
		Components: spec.Components, IgnoreMissingComponents: spec.IgnoreMissingComponents}
	for _, p := range spec.Patches {
		patch := types.Patch{Patch: p.Patch}
		if t := p.Target; t != nil {
			patch.Target = &types.Selector{
				ResId: resid.ResId{Gvk: resid.Gvk{Group: t.Group, Version: t.Version, Kind: t.Kind},
					Name: t.Name, Namespace: t.Namespace},
				LabelSelector: t.LabelSelector, AnnotationSelector: t.AnnotationSelector,
			}
		}
		o.Patches = append(o.Patches, patch)
	}
	for _, i := range spec.Images {
		o.Images = append(o.Images, types.Image{Name: i.Name, NewName: i.NewName, NewTag: i.NewTag, Digest: i.Digest})
	}
	for _, m := range spec.BuildMetadata {
		o.BuildMetadata = append(o.BuildMetadata, string(m))
	}
	return o
}

// key identifies the overlay among builds of one path.
func (o overlaySpec) key() string {
	data, err := json.Marshal(o)
	if err != nil { // strings and booleans only
		panic(err)
	}
	return string(data)
}

// apply changes the root kustomization as the spec says, with the components that take wants, by
// their numbers in the spec.
func (o overlaySpec) apply(k *types.Kustomization, take func(i int, component string) bool) {
	if o.Namespace != "" {
		k.Namespace = o.Namespace
	}
	if o.Prefix != "" {
		k.NamePrefix = o.Prefix
	}
	if o.Suffix != "" {
		k.NameSuffix = o.Suffix
	}
	k.Patches = append(k.Patches, o.Patches...)
	for i, component := range o.Components {
		if take(i, component) {
			k.Components = append(k.Components, component)
		}
	}
	for _, image := range o.Images {
		merged := false
		for i := range k.Images {
			if k.Images[i].Name != image.Name {
				continue
			}
			merged = true
			if image.NewName != "" {
				k.Images[i].NewName = image.NewName
			}
			if image.NewTag != "" || image.Digest != "" {
				k.Images[i].NewTag, k.Images[i].Digest = image.NewTag, image.Digest
			}
			break
		}
		if !merged {
			k.Images = append(k.Images, image)
		}
	}
	if len(o.BuildMetadata) > 0 {
		k.BuildMetadata = o.BuildMetadata
	}
}
