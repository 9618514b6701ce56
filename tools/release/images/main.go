// Command images makes the container images of a release from the programs that it has, without a container engine: an
// image for each architecture of Linux, and an index above them. The same programs give the same bytes.
//
//	go run ./images -dist FOLDER -layout FOLDER
//	go run ./images -layout FOLDER -push REGISTRY/NAME -tag VERSION
//	go run ./images -layout FOLDER -unpack FOLDER
//
// The first form reads GoReleaser's folder and writes an OCI image layout for each image, below -layout. The second
// pushes these, and prints each name with its digest. The third unpacks the layers for this machine's architecture.
package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// nobody is the user and the group that the programs run as, the same as distroless' "nonroot".
const nobody = 65532

// program is one that has an image of its own.
type program struct {
	name, title string
	ports       []string
}

var programs = []program{
	{name: "rollcall", title: "Lints a fleet of Kubernetes clusters kept in one Git repository"},
	{name: "rollcall-webhook", title: "Judges at admission by the rules that rollcall lints with",
		ports: []string{"9443/tcp", "9444/tcp"}},
}

func main() {
	dist := flag.String("dist", "", "GoReleaser's `folder`")
	dir := flag.String("layout", "", "the `folder` of the image layouts")
	push := flag.String("push", "", "the `repository` that the images' names are put below, as in ghcr.io/owner")
	tag := flag.String("tag", "", "the `tag` to push")
	unpack := flag.String("unpack", "", "the `folder` to unpack into, one folder an image")
	flag.Parse()
	err := errors.New("give -dist, -push or -unpack, and -layout")
	switch {
	case *dir == "":
	case *dist != "":
		err = build(*dist, *dir)
	case *push != "":
		err = pushAll(*dir, *push, *tag, os.Stdout)
	case *unpack != "":
		err = unpackAll(*dir, *unpack)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "images: %v\n", err)
		os.Exit(1)
	}
}

// metadata is what GoReleaser says of a release in metadata.json.
type metadata struct {
	Version, Commit string
}

// artifact is one that GoReleaser made, in artifacts.json; Path is relative to the folder above its own.
type artifact struct {
	Name, Path, Goos, Goarch, Type string
}

func build(dist, dir string) error {
	var about metadata
	var artifacts []artifact
	for file, into := range map[string]any{"metadata.json": &about, "artifacts.json": &artifacts} {
		text, err := os.ReadFile(filepath.Join(dist, file))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, into); err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
	}
	slices.SortFunc(artifacts, func(a, b artifact) int { return cmp.Compare(a.Goarch, b.Goarch) })
	for _, p := range programs {
		index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
		for _, a := range artifacts {
			if a.Type != "Binary" || a.Goos != "linux" || a.Name != p.name {
				continue
			}
			binary := filepath.Join(filepath.Dir(filepath.Clean(dist)), a.Path)
			image, err := p.image(binary, a.Goarch, about)
			if err != nil {
				return fmt.Errorf("make the image of %s for %s: %w", p.name, a.Goarch, err)
			}
			index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{
				Platform: &v1.Platform{OS: "linux", Architecture: a.Goarch},
			}})
		}
		index = mutate.Annotations(index, p.labels(about)).(v1.ImageIndex)
		manifest, err := index.IndexManifest()
		if err != nil {
			return err
		}
		if len(manifest.Manifests) == 0 {
			return fmt.Errorf("%s has no program %s for linux", dist, p.name)
		}
		at := filepath.Join(dir, p.name)
		if err := os.RemoveAll(at); err != nil {
			return err
		}
		named := v1.Descriptor{Annotations: map[string]string{"org.opencontainers.image.ref.name": about.Version}}
		if _, err := layout.Write(at, mutate.AppendManifests(
			empty.Index, mutate.IndexAddendum{Add: index, Descriptor: named})); err != nil {
			return err
		}
		digest, err := index.Digest()
		if err != nil {
			return err
		}
		fmt.Printf("%s %s, %d architectures\n", at, digest, len(manifest.Manifests))
	}
	return nil
}

func (p program) labels(about metadata) map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       p.name,
		"org.opencontainers.image.description": p.title,
		"org.opencontainers.image.source":      "https://github.com/rollcall-dev/rollcall",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     about.Version,
		"org.opencontainers.image.revision":    about.Commit,
	}
}

// image is the program's for one architecture. The layer below has no shell and no library; it is
// the same for both programs.
func (p program) image(binary, arch string, about metadata) (v1.Image, error) {
	info, err := os.Stat(binary)
	if err != nil {
		return nil, err
	}
	created := info.ModTime().UTC().Truncate(time.Second) // the commit's time
	text, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	base, err := layer(created, root())
	if err != nil {
		return nil, err
	}
	own, err := layer(created, []entry{{name: p.name, mode: 0o755, text: text}})
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.Append(image,
		mutate.Addendum{Layer: base, History: v1.History{Created: v1.Time{Time: created},
			CreatedBy: "users, authorities, folders"}},
		mutate.Addendum{Layer: own, History: v1.History{Created: v1.Time{Time: created}, CreatedBy: p.name}})
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = "linux", arch, v1.Time{Time: created}
	file.Config = v1.Config{
		User:       fmt.Sprintf("%d:%d", nobody, nobody),
		WorkingDir: "/work",
		Entrypoint: []string{"/" + p.name},
		Env:        []string{"PATH=/", "HOME=/home/nonroot", "XDG_CACHE_HOME=/cache"},
		Labels:     p.labels(about),
	}
	for _, port := range p.ports {
		if file.Config.ExposedPorts == nil {
			file.Config.ExposedPorts = map[string]struct{}{}
		}
		file.Config.ExposedPorts[port] = struct{}{}
	}
	return mutate.ConfigFile(image, file)
}

// entry is a file of a layer; a folder where its name ends in "/".
type entry struct {
	name  string
	mode  int64
	owner int
	text  []byte
}

// root is what a static program may look for. A folder for the cache can be mounted at /cache, and the tree at /work.
func root() []entry {
	user := func(id int, name, home string) string {
		return fmt.Sprintf("%s:x:%d:%d:%s:%s:/sbin/nologin\n", name, id, id, name, home)
	}
	var authorities bytes.Buffer
	for a := range bundle.Roots() {
		if a.Constraint == nil { // a file of authorities cannot say what one may not vouch for
			_ = pem.Encode(&authorities, &pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate})
		}
	}
	return []entry{
		{name: "cache/", mode: 0o755, owner: nobody},
		{name: "etc/", mode: 0o755},
		{name: "etc/group", mode: 0o644, text: []byte("root:x:0:\nnonroot:x:" + strconv.Itoa(nobody) + ":\n")},
		{name: "etc/passwd", mode: 0o644, text: []byte(user(0, "root", "/root") +
			user(nobody, "nonroot", "/home/nonroot"))},
		{name: "etc/ssl/", mode: 0o755},
		{name: "etc/ssl/certs/", mode: 0o755},
		{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, text: authorities.Bytes()},
		{name: "home/", mode: 0o755},
		{name: "home/nonroot/", mode: 0o700, owner: nobody},
		{name: "tmp/", mode: 0o1777},
		{name: "work/", mode: 0o755},
	}
}

func layer(created time.Time, entries []entry) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		header := &tar.Header{
			Name: e.name, Mode: e.mode, Uid: e.owner, Gid: e.owner, Size: int64(len(e.text)), ModTime: created,
			Typeflag: tar.TypeReg, Format: tar.FormatPAX,
		}
		if strings.HasSuffix(e.name, "/") {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.text); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b.Bytes())), nil
	},
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(gzip.BestCompression),
		tarball.WithCompressedCaching)
}

// read is the index of a program's image in a layout.
func read(dir string, p program) (v1.ImageIndex, error) {
	outer, err := layout.ImageIndexFromPath(filepath.Join(dir, p.name))
	if err != nil {
		return nil, err
	}
	manifest, err := outer.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Manifests) != 1 {
		return nil, fmt.Errorf("%s: not a layout of one image", filepath.Join(dir, p.name))
	}
	return outer.ImageIndex(manifest.Manifests[0].Digest)
}

// pushAll prints NAME@DIGEST for each image.
func pushAll(dir, repository, tag string, out io.Writer) error {
	for _, p := range programs {
		index, err := read(dir, p)
		if err != nil {
			return err
		}
		ref, err := name.NewTag(repository+"/"+p.name+":"+tag, name.StrictValidation)
		if err != nil {
			return err
		}
		if err := remote.WriteIndex(ref, index, remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
			return fmt.Errorf("push %s: %w", ref, err)
		}
		digest, err := index.Digest()
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s@%s\n", ref.Context(), digest)
	}
	return nil
}

// unpackAll unpacks what would run on this machine, and prints what a container engine would be told.
func unpackAll(dir, to string) error {
	for _, p := range programs {
		index, err := read(dir, p)
		if err != nil {
			return err
		}
		manifest, err := index.IndexManifest()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(manifest.Manifests, func(d v1.Descriptor) bool {
			return d.Platform.Architecture == runtime.GOARCH
		})
		if i < 0 {
			return fmt.Errorf("%s has no image for %s", p.name, runtime.GOARCH)
		}
		image, err := index.Image(manifest.Manifests[i].Digest)
		if err != nil {
			return err
		}
		if err := extract(image, filepath.Join(to, p.name)); err != nil {
			return err
		}
		file, err := image.ConfigFile()
		if err != nil {
			return err
		}
		layers, err := image.Layers()
		if err != nil {
			return err
		}
		size := int64(0)
		for _, l := range layers {
			n, err := l.Size()
			if err != nil {
				return err
			}
			size += n
		}
		fmt.Printf("%s: %d bytes to pull; user %s, in %s, %s\n", p.name, size, file.Config.User, file.Config.WorkingDir,
			file.Config.Entrypoint)
	}
	return nil
}

func extract(image v1.Image, to string) error {
	stream := mutate.Extract(image)
	defer stream.Close()
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer root.Close()
	for r := tar.NewReader(stream); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		mode := header.FileInfo().Mode().Perm()
		name := strings.TrimSuffix(header.Name, "/")
		if header.Typeflag == tar.TypeDir {
			err = root.MkdirAll(name, mode)
		} else {
			err = extractFile(root, name, mode, r)
		}
		if err == nil && os.Geteuid() == 0 {
			err = root.Lchown(name, header.Uid, header.Gid)
		}
		if err != nil {
			return err
		}
	}
}

func extractFile(root *os.Root, name string, mode os.FileMode, r io.Reader) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	return f.Close()
}
