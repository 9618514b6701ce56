package fleet

import (
	"strconv"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/flux"
	"github.com/rollcall-dev/rollcall/internal/karmada"
)

// isKarmada is true for the groups of Karmada's own kinds.
func isKarmada(group string) bool { return strings.HasSuffix(group, ".karmada.io") }

// IsKarmada is true for an object of one of Karmada's API groups.
func (d Document) IsKarmada() bool {
	group, _, _ := strings.Cut(d.APIVersion, "/")
	return isKarmada(group)
}

// isFlux is true for the groups of Flux's own kinds.
func isFlux(group string) bool { return strings.HasSuffix(group, ".toolkit.fluxcd.io") }

// invalid is what Karmada, or Flux's API, refuses an object for.
func (f *Fleet) invalid(object Object) []Invalid {
	var all []Invalid
	if isFlux(object.Group) {
		for _, p := range flux.Problems(object.Content) {
			all = append(all, Invalid{Field: p.Field, Problem: p.Kind, Message: p.Message, Fix: p.Fix,
				Edits: []InvalidEdit{}})
		}
	}
	if !isKarmada(object.Group) {
		return all
	}
	for _, p := range karmada.Problems(object.Content, f.karmadaMinor(object.APIServer)) {
		invalid := Invalid{Field: orEmpty(p.Field), Problem: string(p.Kind), Message: p.Message, Fix: p.Fix,
			Since:     p.Since,
			NotBefore: p.NotBefore, Edits: []InvalidEdit{}}
		if p.Value != nil {
			invalid.Edits = append(invalid.Edits, InvalidEdit{p.Field, p.Value})
		}
		all = append(all, invalid)
	}
	return all
}

// karmadaMinor is y of the version 1.y of the Karmada behind an API server; 0 where it is not known. It is the declared
// one, or that of the control plane that serves the API server, or of the only one there is.
func (f *Fleet) karmadaMinor(server string) int {
	version := f.KarmadaVersion
	if version == "" {
		version = f.controlPlaneOf(server).Version
	}
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 || parts[0] != "1" {
		return 0
	}
	minor, err := strconv.Atoi(parts[1])
	if err != nil {
		return 0
	}
	return minor
}

// controlPlaneOf is the one that serves an API server, or the only one there is; empty where it is not known.
func (f *Fleet) controlPlaneOf(server string) ControlPlane {
	id := f.APIServers[server].ControlPlane
	if id == "" && len(f.ControlPlanes) == 1 {
		id = sorted(f.ControlPlanes)[0]
	}
	return f.ControlPlanes[id]
}
