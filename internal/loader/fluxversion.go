package loader

import (
	"regexp"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// fluxVersion is the version of Flux that the objects install, "2.9.4" or as much of it as is settled, "2.9"; empty
// where nothing tells, or two tell different versions.
//
// Sources: flux2 v2.9.4 internal/build and manifests/install (flux bootstrap labels what it installs with part-of and
// version); the flux-manifests artifact, whose tag is the version; flux-operator api/v1 fluxinstance_types.go, where
// spec.distribution.version may be a range.
func fluxVersion(objects []*fleet.Object) string {
	found := ""
	for _, o := range objects {
		version := settled(installs(o))
		if version == "" {
			continue
		}
		if found != "" && found != version {
			return ""
		}
		found = version
	}
	return found
}

func installs(o *fleet.Object) string {
	spec, _ := o.Content["spec"].(map[string]any)
	switch {
	case o.Kind == "Namespace" && o.Group == "":
		meta, _ := o.Content["metadata"].(map[string]any)
		labels, _ := meta["labels"].(map[string]any)
		if str(labels, "app.kubernetes.io/part-of") == "flux" {
			return str(labels, "app.kubernetes.io/version")
		}
	case o.Kind == "OCIRepository" && strings.HasSuffix(
		strings.TrimSuffix(str(spec, "url"), "/"), "/fluxcd/flux-manifests"):
		ref, _ := spec["ref"].(map[string]any)
		return str(ref, "tag")
	case o.Kind == "FluxInstance":
		distribution, _ := spec["distribution"].(map[string]any)
		return str(distribution, "version")
	}
	return ""
}

var fluxVersions = regexp.MustCompile(`^v?(\d+\.\d+(?:\.\d+)?)(?:\.[x*])?$`)

// settled is a version, or what of a range every version in it has: "2.9.x" is 2.9, "2.x" is nothing.
func settled(version string) string {
	if m := fluxVersions.FindStringSubmatch(version); m != nil {
		return m[1]
	}
	return ""
}
