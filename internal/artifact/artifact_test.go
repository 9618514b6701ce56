package artifact

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/opencontainers/go-digest"
)

// entry is one entry of a tarball; a regular file, where there is no type.
type entry struct {
	name, content string
	kind          byte
}

func pack(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	archive := tar.NewWriter(zipped)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: 0o644, Size: int64(len(e.content))}
		if e.kind == 0 {
			header.Typeflag = tar.TypeReg
		}
		if e.kind == tar.TypeLink || e.kind == tar.TypeSymlink {
			header.Linkname = "a.yaml"
		}
		if e.kind == tar.TypeXGlobalHeader {
			header = &tar.Header{Typeflag: e.kind, PAXRecords: map[string]string{"comment": "abc"}}
		}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(archive, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func small() Limits {
	return Limits{Time: 10 * time.Second, Compressed: 1 << 20, Unpacked: 64 << 10, File: 4 << 10, Entries: 8, Path: 40,
		Depth: 4}
}

func TestUnpack(t *testing.T) {
	fsys, err := Unpack(t.Context(), bytes.NewReader(pack(t,
		entry{kind: tar.TypeXGlobalHeader},
		entry{name: "./", kind: tar.TypeDir},
		entry{name: "clusters/ottawa/apps.yaml", content: "kind: Kustomization\n"},
		entry{name: "clusters/", kind: tar.TypeDir},
		entry{name: "./clusters/empty", kind: tar.TypeDir},
		entry{name: "a.yaml"},
	)), small())
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(fsys, "clusters/ottawa/apps.yaml", "clusters/empty", "a.yaml"); err != nil {
		t.Error(err)
	}
	if data, err := fs.ReadFile(fsys, "clusters/ottawa/apps.yaml"); err != nil ||
		string(data) != "kind: Kustomization\n" {
		t.Errorf("apps.yaml: %q, %v", data, err)
	}
}

// A file that is too large is there all the same, so that whatever lists it finds it.
func TestUnpackLarge(t *testing.T) {
	packed := pack(t, entry{name: "large.bin", content: strings.Repeat("x", 5000)},
		entry{name: "z.yaml", content: "kind: Secret\n"})
	fsys, err := Unpack(t.Context(), bytes.NewReader(packed), small())
	if err != nil {
		t.Fatal(err)
	}
	if info, err := fs.Stat(fsys, "large.bin"); err != nil || info.Size() != 5000 {
		t.Errorf("large.bin: %v, %v", info, err)
	}
	const notKept = "read large.bin: its 5000 bytes were not kept"
	if _, err := fs.ReadFile(fsys, "large.bin"); err == nil || err.Error() != notKept {
		t.Errorf("large.bin: %v", err)
	}
	if data, err := fs.ReadFile(fsys, "z.yaml"); err != nil || string(data) != "kind: Secret\n" {
		t.Errorf("z.yaml: %q, %v", data, err)
	}
}

func TestUnpackRefuses(t *testing.T) {
	file := entry{name: "a.yaml", content: "kind: Secret\n"}
	whole := pack(t, file, entry{name: "b.yaml", content: strings.Repeat("b", 3000)})
	for name, c := range map[string]struct {
		packed []byte
		want   string
	}{
		"no gzip":          {[]byte("kind: Secret\n"), "read the gzip header: gzip: invalid header"},
		"nothing":          {nil, "read the gzip header: EOF"},
		"no tar":           {zip(t, strings.Repeat("x", 600)), "read entry 1: archive/tar: invalid tar header"},
		"cut off":          {whole[:len(whole)-4], "read the end: unexpected EOF"},
		"cut off early":    {whole[:len(whole)/2], "read entry 1: unexpected EOF"},
		"damaged checksum": {flip(whole, len(whole)-8), "read the end: gzip: invalid checksum"},
		"parent": {pack(t, entry{name: "../a.yaml"}),
			`entry 1 is called "../a.yaml", which is no path within the tree`},
		"parent within": {pack(t, entry{name: "b/../a.yaml"}),
			`entry 1 is called "b/../a.yaml", which is no path within the tree`},
		"absolute": {pack(t, file, entry{name: "/etc/passwd"}),
			`entry 2 is called "/etc/passwd", which is no path within the tree`},
		"no name":        {pack(t, entry{name: ""}), `entry 1 is called "", which is no path within the tree`},
		"root as a file": {pack(t, entry{name: "./."}), `"." is both a file and a folder`},
		"not UTF-8": {pack(t, entry{name: "a\xff.yaml"}),
			`entry 1 is called "a\xff.yaml", which is no path within the tree`},
		"symbolic link": {pack(t, file, entry{name: "l", kind: tar.TypeSymlink}),
			`"l" is a symbolic link, and an artifact has files and folders alone`},
		"hard link": {pack(t, file, entry{name: "l", kind: tar.TypeLink}),
			`"l" is a hard link, and an artifact has files and folders alone`},
		"character device": {pack(t, entry{name: "d", kind: tar.TypeChar}),
			`"d" is a device, and an artifact has files and folders alone`},
		"block device": {pack(t, entry{name: "d", kind: tar.TypeBlock}),
			`"d" is a device, and an artifact has files and folders alone`},
		"pipe": {pack(t, entry{name: "p", kind: tar.TypeFifo}),
			`"p" is a pipe, and an artifact has files and folders alone`},
		"twice":             {pack(t, file, entry{name: "./a.yaml"}), `"a.yaml" is there twice`},
		"file, then folder": {pack(t, file, entry{name: "a.yaml/b.yaml"}), `"a.yaml" is both a file and a folder`},
		"folder, then file": {pack(t, entry{name: "a/b"}, entry{name: "a"}), `"a" is both a file and a folder`},
		"file as its folder": {pack(t, file, entry{name: "a.yaml", kind: tar.TypeDir}),
			`"a.yaml" is both a file and a folder`},
		"too many entries": {pack(t, many(9)...), "it has more than 8 entries"},
		"long name": {pack(t, entry{name: strings.Repeat("x", 41)}),
			"entry 1 has a name of 41 bytes, more than 40"},
		"deep": {pack(t, entry{name: "1/2/3/4/5"}), `"1/2/3/4/5" lies more than 4 folders deep`},
		"a bomb": {zip(t, strings.Repeat("\x00", 10<<20)),
			"read the end: it unpacks to more bytes than are allowed"},
		"a bomb in a file": {pack(t, entry{name: "b", content: strings.Repeat("\x00", 10<<20)}),
			"read entry 2: it unpacks to more bytes than are allowed"},
	} {
		fsys, err := Unpack(t.Context(), bytes.NewReader(c.packed), small())
		if err == nil || err.Error() != c.want || fsys != nil {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// TestUnpackSparse refuses holes that are no bytes of the stream: files that are small enough
// each, and too much together.
func TestUnpackSparse(t *testing.T) {
	var b bytes.Buffer
	for i := range 20 {
		writeSparse(t, &b, string(rune('a'+i)))
	}
	limits := small()
	limits.Entries = 100
	_, err := Unpack(t.Context(), strings.NewReader(string(zip(t, b.String()+strings.Repeat("\x00", 1024)))), limits)
	if err == nil || !errors.Is(err, errUnpacked) {
		t.Errorf("%v", err)
	}
}

// writeSparse writes a file that is one hole, in the form PAX 0.1 of GNU tar.
func writeSparse(t *testing.T, b *bytes.Buffer, name string) {
	t.Helper()
	var records strings.Builder
	for _, record := range []string{"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.realsize=4096",
		"GNU.sparse.name=" + name} {
		n := len(record) + 4 // "NN " and the end of the line
		records.WriteString(string(rune('0'+n/10)) + string(rune('0'+n%10)) + " " + record + "\n")
	}
	block := func(header tar.Header, content string) {
		var one bytes.Buffer
		w := tar.NewWriter(&one)
		header.Size, header.Mode = int64(len(content)), 0o644
		if err := w.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		b.Write(one.Bytes())
	}
	// archive/tar writes no extended headers by hand: write a plain file, and make it one by its type and checksum.
	start := b.Len()
	block(tar.Header{Name: "x", Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}, records.String())
	header := b.Bytes()[start : start+512]
	header[156] = tar.TypeXHeader
	sum := 0
	copy(header[148:156], "        ")
	for _, c := range header {
		sum += int(c)
	}
	copy(header[148:156], []byte(octal(sum)))
	sparse := "1\n4096\n0\n" // one piece of data, of no bytes, at the end
	block(tar.Header{Name: "y", Typeflag: tar.TypeReg, Format: tar.FormatUSTAR},
		sparse+strings.Repeat("\x00", 512-len(sparse)))
}

func octal(n int) string {
	digits := []byte("000000\x00 ")
	for i := 5; i >= 0; i-- {
		digits[i] = byte('0' + n%8)
		n /= 8
	}
	return string(digits)
}

func TestUnpackStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Unpack(ctx, bytes.NewReader(pack(t, entry{name: "a"})), small()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestFetch(t *testing.T) {
	packed := pack(t, entry{name: "a.yaml", content: "kind: Secret\n"})
	ours := digest.FromBytes(packed)
	serve := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			_, _ = w.Write(packed)
		case "/unpacks-in-transit":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed)
		case "/large", "/large-in-parts":
			if r.URL.Path == "/large-in-parts" {
				w.(http.Flusher).Flush()
			}
			_, _ = w.Write(make([]byte, 2<<20))
		case "/cut-off":
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(packed)
		case "/elsewhere":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/slow":
			<-r.Context().Done()
		default:
			http.Error(w, "the artifact is gone; a secret may stand here", http.StatusNotFound)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(serve))
	defer server.Close()
	size := func(n int64) *int64 { return &n }
	sha512 := digest.SHA512.FromBytes(packed)

	for name, c := range map[string]struct {
		artifact meta.Artifact
		want     string // the error; empty for none
	}{
		"as it should be": {meta.Artifact{URL: server.URL + "/ok", Digest: ours.String(),
			Size: size(int64(len(packed)))}, ""},
		"sha512":       {meta.Artifact{URL: server.URL + "/ok", Digest: sha512.String()}, ""},
		"packed twice": {meta.Artifact{URL: server.URL + "/unpacks-in-transit", Digest: ours.String()}, ""},
		"another digest": {meta.Artifact{URL: server.URL + "/ok", Digest: digest.FromString("x").String()},
			"verify the artifact: the digest of what was downloaded is " + ours.String() + ", not " +
				digest.FromString("x").String()},
		"no digest": {meta.Artifact{URL: server.URL + "/ok"},
			`verify the artifact: the digest "" is none of sha256, sha384 and sha512`},
		"a weak digest": {meta.Artifact{URL: server.URL + "/ok",
			Digest: "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709"},
			`verify the artifact: the digest "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709" is none of sha256, sha384 and sha512`},
		"too large, it says": {meta.Artifact{URL: server.URL + "/ok", Digest: ours.String(), Size: size(2 << 20)},
			"download the artifact: it has 2097152 bytes, more than 1048576"},
		"too large": {meta.Artifact{URL: server.URL + "/large", Digest: ours.String()},
			"download the artifact: it has more than 1048576 bytes"},
		"too large, in parts": {meta.Artifact{URL: server.URL + "/large-in-parts", Digest: ours.String()},
			"download the artifact: it has more than 1048576 bytes"},
		"cut off": {meta.Artifact{URL: server.URL + "/cut-off", Digest: ours.String()},
			"download the artifact: unexpected EOF"},
		"gone": {meta.Artifact{URL: server.URL + "/gone", Digest: ours.String()},
			"download the artifact: " + server.URL + "/gone answers 404"},
		"a redirect": {meta.Artifact{URL: server.URL + "/elsewhere", Digest: ours.String()},
			`download the artifact: Get "/ok": a redirect leads elsewhere`},
		"slow": {meta.Artifact{URL: server.URL + "/slow", Digest: ours.String()},
			`download the artifact: Get "` + server.URL + `/slow": context deadline exceeded`},
		"a file": {meta.Artifact{URL: "file:///etc/passwd", Digest: ours.String()},
			`download the artifact: the scheme of its URL is "file", neither http nor https`},
		"no host": {meta.Artifact{URL: "http:///x", Digest: ours.String()},
			"download the artifact: its URL names no host"},
		"a password in the URL": {meta.Artifact{URL: "http://user:hunter2@host/x", Digest: ours.String()},
			"download the artifact: its URL holds a credential, which source-controller's never does"},
		"no URL": {meta.Artifact{URL: "http://user:hunter2@host:x/\x7f", Digest: ours.String()},
			"download the artifact: its URL cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			limits := small()
			if name == "slow" {
				limits.Time = 50 * time.Millisecond
			}
			fsys, err := Fetch(t.Context(), NewClient(), c.artifact, limits)
			switch {
			case c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want):
				t.Errorf("%v, want %q", err, c.want)
			case c.want != "":
			default:
				if data, err := fs.ReadFile(fsys, "a.yaml"); err != nil || string(data) != "kind: Secret\n" {
					t.Errorf("a.yaml: %q, %v", data, err)
				}
			}
		})
	}
}

// FuzzUnpack: whatever comes is a tree within the limits, or an error.
func FuzzUnpack(f *testing.F) {
	f.Add(pack(f, entry{name: "a/b.yaml", content: "x"}, entry{name: "c", kind: tar.TypeDir}))
	f.Add(pack(f, entry{name: "l", kind: tar.TypeSymlink}))
	f.Add(zip(f, "no tar"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		// The fuzzer seldom gets a checksum right, so it is given the tar as well.
		for _, input := range [][]byte{packed, zip(t, string(packed))} {
			fsys, err := Unpack(t.Context(), bytes.NewReader(input), small())
			if err != nil {
				continue
			}
			entries, total := 0, int64(0)
			walk := func(name string, d fs.DirEntry, err error) error {
				if err != nil || !fs.ValidPath(name) || len(name) > small().Path ||
					!d.IsDir() && !d.Type().IsRegular() {
					t.Errorf("%q: %v, %v", name, d, err)
				}
				if entries++; !d.IsDir() {
					data, _ := fs.ReadFile(fsys, name)
					total += int64(len(data))
				}
				return nil
			}
			if err := fs.WalkDir(fsys, ".", walk); err != nil || entries > small().Entries*(small().Depth+1)+1 ||
				total > small().Unpacked {
				t.Errorf("%v, %d entries, %d bytes", err, entries, total)
			}
		}
	})
}

func many(n int) (entries []entry) {
	for i := range n {
		entries = append(entries, entry{name: string(rune('a' + i))})
	}
	return entries
}

func zip(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func flip(data []byte, i int) []byte {
	flipped := bytes.Clone(data)
	flipped[i] ^= 0xff
	return flipped
}
