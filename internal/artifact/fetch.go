// Package artifact reads the artifact of a Flux source: what source-controller has packed of a repository, as a file
// system in memory. Nothing of it is believed: the digest is verified before a byte is unpacked, and every quantity
// has a limit.
package artifact

import (
	"bytes"
	"context"
	_ "crypto/sha256" // the algorithms that go-digest knows
	_ "crypto/sha512"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/opencontainers/go-digest"
)

// Limits bound what an artifact may cost. Sizes are in bytes.
type Limits struct {
	// Time bounds the download.
	Time time.Duration
	// Compressed bounds the tarball as it is downloaded, Unpacked all that is in it, the headers too.
	Compressed, Unpacked int64
	// File is the size of the largest file that is kept. A larger one is there, with its size, but cannot be read: the
	// loader reads no larger one either.
	File int64
	// Entries bounds the number of files and folders, Path the length of a name, Depth the
	// folders that it leads through.
	Entries, Path, Depth int
}

// DefaultLimits are generous for a repository of manifests: the largest public fleets have 20,000 files and 60 MB.
func DefaultLimits() Limits {
	return Limits{Time: time.Minute, Compressed: 64 << 20, Unpacked: 256 << 20, File: 16 << 20, Entries: 200_000,
		Path: 1024, Depth: 64}
}

// NewClient is a client for source-controller alone: it goes through no proxy and keeps no
// connection between artifacts.
func NewClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: 30 * time.Second}}
}

// Fetch downloads an artifact from the URL that its source's status gives, and from nowhere else: a redirect is an
// error. Nothing is unpacked whose digest is not the one that the status gives: sha256, sha384 or sha512.
//
// Source: fluxcd/source-controller v1.9.1 docs/spec/v1/gitrepositories.md, "Artifact".
func Fetch(ctx context.Context, client *http.Client, a meta.Artifact, limits Limits) (fs.FS, error) {
	ctx, cancel := context.WithTimeout(ctx, limits.Time)
	defer cancel()
	want, err := digest.Parse(a.Digest)
	if err != nil {
		return nil, fmt.Errorf("verify the artifact: the digest %q is none of sha256, sha384 and sha512", a.Digest)
	}
	if a.Size != nil && *a.Size > limits.Compressed {
		return nil, fmt.Errorf("download the artifact: it has %d bytes, more than %d", *a.Size, limits.Compressed)
	}
	packed, err := download(ctx, client, a.URL, limits.Compressed)
	if err != nil {
		return nil, fmt.Errorf("download the artifact: %w", err)
	}
	if got := want.Algorithm().FromBytes(packed); got != want {
		return nil, fmt.Errorf("verify the artifact: the digest of what was downloaded is %s, not %s", got, want)
	}
	fsys, err := Unpack(ctx, bytes.NewReader(packed), limits)
	if err != nil {
		return nil, fmt.Errorf("unpack the artifact: %w", err)
	}
	return fsys, nil
}

func download(ctx context.Context, client *http.Client, from string, limit int64) ([]byte, error) {
	if err := checkURL(from); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	// Else a server that says Content-Encoding would have the transport unpack it, and the digest be another one.
	request.Header.Set("Accept-Encoding", "identity")
	direct := *client
	direct.CheckRedirect = func(*http.Request, []*http.Request) error {
		return errors.New("a redirect leads elsewhere")
	}
	response, err := direct.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d", from, response.StatusCode)
	}
	if response.ContentLength > limit {
		return nil, fmt.Errorf("it has %d bytes, more than %d", response.ContentLength, limit)
	}
	packed, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(packed)) > limit {
		return nil, fmt.Errorf("it has more than %d bytes", limit)
	}
	return packed, nil
}

func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("its URL cannot be read") // the error would quote it, a password included
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("the scheme of its URL is %q, neither http nor https", u.Scheme)
	case u.Host == "":
		return errors.New("its URL names no host")
	case u.User != nil:
		return errors.New("its URL holds a credential, which source-controller's never does")
	}
	return nil
}
