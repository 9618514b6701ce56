// Command fluxplugin writes the entry of a release in the catalogue of plugins for the flux command, by which
// "flux plugin install rollcall" finds it.
//
//	go run ./fluxplugin -dist FOLDER -base URL
//
// It reads GoReleaser's folder, and takes the archives for what is below the URL. The entry goes to stdout.
// Source: fluxcd/flux2 v2.9.4 rfcs/0013-cli-plugin-system/README.md, pkg/plugin/types.go.
package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"sigs.k8s.io/yaml"
)

// manifest is the entry.
type manifest struct {
	APIVersion  string    `json:"apiVersion"`
	Kind        string    `json:"kind"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Homepage    string    `json:"homepage"`
	Source      string    `json:"source"`
	Bin         string    `json:"bin"`
	Versions    []version `json:"versions"`
}

type version struct {
	Version   string     `json:"version"`
	Platforms []platform `json:"platforms"`
}

type platform struct {
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	URL      string `json:"url"`
	Checksum string `json:"checksum"` // sha256:HEX
	// ExtractPath is the program in the archive, which is installed as Bin.
	ExtractPath string `json:"extractPath"`
}

func main() {
	dist := flag.String("dist", "", "GoReleaser's `folder`")
	base := flag.String("base", "", "the `URL` below which the archives are")
	flag.Parse()
	entry, err := entry(*dist, *base)
	if err == nil {
		_, err = os.Stdout.Write(entry)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "fluxplugin: %v\n", err)
		os.Exit(1)
	}
}

func entry(dist, base string) ([]byte, error) {
	var about struct{ Version string }
	var artifacts []struct {
		Name, Goos, Goarch, Type string
		Extra                    struct {
			ID, Checksum string
		}
	}
	for file, into := range map[string]any{"metadata.json": &about, "artifacts.json": &artifacts} {
		text, err := os.ReadFile(filepath.Join(dist, file))
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, into); err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
	}
	release := version{Version: about.Version}
	for _, a := range artifacts {
		if a.Type != "Archive" || a.Extra.ID != "rollcall" {
			continue
		}
		inside := "rollcall"
		if a.Goos == "windows" {
			inside += ".exe"
		}
		release.Platforms = append(release.Platforms, platform{
			OS: a.Goos, Arch: a.Goarch, URL: base + "/" + a.Name, Checksum: a.Extra.Checksum, ExtractPath: inside,
		})
	}
	if len(release.Platforms) == 0 {
		return nil, fmt.Errorf("%s has no archive of rollcall", dist)
	}
	slices.SortFunc(release.Platforms, func(a, b platform) int {
		return cmp.Or(cmp.Compare(a.OS, b.OS), cmp.Compare(a.Arch, b.Arch))
	})
	return yaml.Marshal(manifest{
		APIVersion:  "cli.fluxcd.io/v1beta1",
		Kind:        "Plugin",
		Name:        "rollcall",
		Description: "Lint a fleet of Kubernetes clusters kept in one Git repository",
		Homepage:    "https://github.com/rollcall-dev/rollcall",
		Source:      "https://github.com/rollcall-dev/rollcall",
		Bin:         "flux-rollcall",
		Versions:    []version{release},
	})
}
