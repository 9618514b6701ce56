package checkout

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// Version is the module's, as the build recorded it: a release, or the commit that it was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// judges are the modules that a checkout is read and judged with.
var judges = []string{"github.com/open-policy-agent/opa", "sigs.k8s.io/kustomize/api",
	"github.com/fluxcd/kustomize-controller/api"}

// Versions are a program's version, the commit that it was built from, where the build knew it, and the versions of
// what it judges by, a line each.
func Versions(program string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %s/%s\n", program, Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if info, ok := debug.ReadBuildInfo(); ok {
		b.WriteString(commit(info.Settings))
		for _, module := range info.Deps {
			if slices.Contains(judges, module.Path) {
				fmt.Fprintf(&b, "%s %s\n", module.Path, module.Version)
			}
		}
	}
	return b.String()
}

// commit is a line that names the commit and its time; empty where the build knew none, as that of
// "go install MODULE@VERSION".
func commit(settings []debug.BuildSetting) string {
	known := map[string]string{}
	for _, setting := range settings {
		known[setting.Key] = setting.Value
	}
	if known["vcs.revision"] == "" {
		return ""
	}
	line := "commit " + known["vcs.revision"] + " " + known["vcs.time"]
	if known["vcs.modified"] == "true" {
		line += " with changes"
	}
	return line + "\n"
}
