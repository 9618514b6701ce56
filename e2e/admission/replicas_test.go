package admission

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/e2e/controlplane"
)

// service stands for a Service: connections go to the replicas that are ready, in turn.
type service struct {
	address string // localhost and a port

	ctx   context.Context // done when the test is
	mu    sync.Mutex
	ready []*replica
	turn  int
}

func startService(t *testing.T) *service {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	s := &service{ctx: t.Context(), address: fmt.Sprintf("localhost:%d", listener.Addr().(*net.TCPAddr).Port)}
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go s.forward(from)
		}
	}()
	return s
}

// add probes a replica for as long as it runs, as kubelet does.
func (s *service) add(r *replica) {
	go func() {
		for ; s.ctx.Err() == nil && r.Running() == nil; time.Sleep(200 * time.Millisecond) {
			s.set(r, r.ready(s.ctx) == nil)
		}
		s.set(r, false)
	}()
}

func (s *service) set(r *replica, ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = slices.DeleteFunc(slices.Clone(s.ready), func(other *replica) bool { return other == r })
	if ready {
		s.ready = append(s.ready, r)
	}
}

func (s *service) forward(from net.Conn) {
	defer from.Close()
	s.mu.Lock()
	if len(s.ready) == 0 {
		s.mu.Unlock()
		return
	}
	s.turn++
	r := s.ready[s.turn%len(s.ready)]
	s.mu.Unlock()
	to, err := net.Dial("tcp", r.reviews)
	if err != nil {
		return
	}
	defer to.Close()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		go func() {
			_, _ = io.Copy(way[0], way[1]) // a connection that breaks is of no interest here
			done <- struct{}{}
		}()
	}
	<-done
}

// source stands for source-controller: it packs revisions of the fleet and tells of them in a GitRepository's status.
type source struct {
	api  *controlplane.ControlPlane
	url  string
	name client.ObjectKey

	// gate is closed while artifacts that are named are not to be had.
	gate sync.RWMutex

	mu    sync.Mutex
	packs map[string][]byte
}

// artifact is what a GitRepository's status says of one.
type artifact struct {
	revision, digest string
	packed           []byte
}

func startSource(t *testing.T, api *controlplane.ControlPlane) *source {
	t.Helper()
	s := &source{api: api, packs: map[string][]byte{}, name: client.ObjectKey{
		Namespace: "flux-system", Name: "flux-system"}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.gate.RLock()
		defer s.gate.RUnlock()
		s.mu.Lock()
		packed, ok := s.packs[r.URL.Path]
		s.mu.Unlock()
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(packed) // the client tells of it where it fails
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	api.Apply(t, `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gitrepositories.source.toolkit.fluxcd.io}
spec:
  group: source.toolkit.fluxcd.io
  scope: Namespaced
  names: {kind: GitRepository, listKind: GitRepositoryList, plural: gitrepositories, singular: gitrepository}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
apiVersion: v1
kind: Namespace
metadata: {name: flux-system}
`)
	controlplane.Await(t, "sources to be served", func(ctx context.Context) error {
		return api.TryApply(ctx, controlplane.Objects(t, `
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m, url: "https://git.example.com/fleet"}
`)[0])
	})
	return s
}

// push makes an artifact the source's newest.
func (s *source) push(t *testing.T, a artifact) {
	t.Helper()
	path := "/" + a.digest + ".tar.gz"
	s.mu.Lock()
	s.packs[path] = a.packed
	s.mu.Unlock()
	repository, err := s.api.Get(t.Context(), "source.toolkit.fluxcd.io/v1", "GitRepository", s.name.Namespace,
		s.name.Name)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]any{"url": s.url + path, "revision": a.revision, "digest": a.digest, "path": path,
		"size": int64(len(a.packed)), "lastUpdateTime": time.Now().UTC().Format(time.RFC3339)}
	if err := unstructured.SetNestedMap(repository.Object, fields, "status", "artifact"); err != nil {
		t.Fatal(err)
	}
	if err := s.api.Client.Status().Update(t.Context(), repository); err != nil {
		t.Fatal(err)
	}
}

// revision packs a tree of testdata; edits are files with their content, in turn.
func revision(t *testing.T, name string, edits ...string) artifact {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(filepath.Join(testdata, name))); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(edits); i += 2 {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, edits[i])), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, edits[i]), []byte(edits[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return pack(t, root)
}

// pack makes an artifact of a folder.
func pack(t *testing.T, root string) artifact {
	t.Helper()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	all := tar.NewWriter(zip)
	if err := all.AddFS(os.DirFS(root)); err != nil {
		t.Fatal(err)
	}
	if err := all.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	d := digest(packed.Bytes())
	return artifact{revision: "main@sha1:" + strings.TrimPrefix(d, "sha256:")[:40], digest: d, packed: packed.Bytes()}
}

func digest(packed []byte) string {
	sum := sha256.Sum256(packed)
	return "sha256:" + hex.EncodeToString(sum[:])
}
