package main

import (
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// TestPush makes images of programs that are none, pushes them to a registry in this process, and pulls them.
func TestPush(t *testing.T) {
	dist := filepath.Join(t.TempDir(), "dist")
	var artifacts []string
	for _, p := range programs {
		for _, arch := range []string{"amd64", "arm64"} {
			path := filepath.Join("dist", p.name+"_linux_"+arch, p.name)
			file := filepath.Join(filepath.Dir(dist), path)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(arch), 0o755); err != nil {
				t.Fatal(err)
			}
			artifacts = append(artifacts, fmt.Sprintf(
				`{"name": %q, "path": %q, "goos": "linux", "goarch": %q, "type": "Binary"}`, p.name, path, arch))
		}
	}
	for file, text := range map[string]string{
		"metadata.json":  `{"version": "1.2.3", "commit": "a066cc6"}`,
		"artifacts.json": "[" + strings.Join(artifacts, ",") + "]",
	} {
		if err := os.WriteFile(filepath.Join(dist, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	layouts := t.TempDir()
	if err := build(dist, layouts); err != nil {
		t.Fatal(err)
	}

	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	repository := strings.TrimPrefix(server.URL, "http://") + "/owner"
	var pushed strings.Builder
	if err := pushAll(layouts, repository, "v1.2.3", &pushed); err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(pushed.String())
	if len(lines) != len(programs) {
		t.Fatalf("pushed %q", lines)
	}
	for i, p := range programs {
		ref, err := name.NewTag(repository + "/" + p.name + ":v1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		index, err := remote.Index(ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Index(index); err != nil {
			t.Error(err)
		}
		if digest, err := index.Digest(); err != nil || lines[i] != ref.Context().String()+"@"+digest.String() {
			t.Errorf("%s has the digest %v, %v; pushed was %s", ref, digest, err, lines[i])
		}
		manifest, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		for j, arch := range []string{"amd64", "arm64"} {
			image, err := index.Image(manifest.Manifests[j].Digest)
			if err != nil {
				t.Fatal(err)
			}
			config, err := image.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			if config.Architecture != arch || config.Config.User != "65532:65532" ||
				config.Config.Entrypoint[0] != "/"+p.name {
				t.Errorf("%s for %s: %+v", p.name, arch, config)
			}
		}
	}
}
