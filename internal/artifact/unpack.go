package artifact

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// Unpack reads a gzipped tarball into memory. Regular files and folders are all that an artifact has: source-controller
// leaves links out. Any other entry, and a name that leads out of the tree or is there twice, refuses the whole.
//
// Source: fluxcd/pkg artifact/storage/archive.go; tar/tar.go.
func Unpack(ctx context.Context, r io.Reader, limits Limits) (fs.FS, error) {
	zipped, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("read the gzip header: %w", err)
	}
	left := &budget{Reader: zipped, left: limits.Unpacked}
	u := unpacking{limits: limits, left: left, tree: newTree()}
	for archive := tar.NewReader(left); ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read entry %d: %w", u.entries+1, err)
		}
		if err := u.add(header, archive); err != nil {
			return nil, err
		}
	}
	// What follows the archive's end is padding. Reading on verifies gzip's checksum, and that the stream is whole.
	if _, err := io.Copy(io.Discard, left); err != nil {
		return nil, fmt.Errorf("read the end: %w", err)
	}
	u.tree.sort()
	return u.tree, nil
}

// budget is a reader that fails once more bytes come than may: an archive of some kilobytes can hold terabytes.
type budget struct {
	io.Reader
	left int64
}

var errUnpacked = errors.New("it unpacks to more bytes than are allowed")

func (b *budget) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errUnpacked
	}
	n, err := b.Reader.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		return 0, errUnpacked
	}
	return n, err
}

// unpacking is one archive while it is read.
type unpacking struct {
	limits  Limits
	left    *budget
	tree    *tree
	entries int
	kept    int64
}

func (u *unpacking) add(header *tar.Header, content io.Reader) error {
	if u.entries++; u.entries > u.limits.Entries {
		return fmt.Errorf("it has more than %d entries", u.limits.Entries)
	}
	if header.Typeflag == tar.TypeXGlobalHeader {
		return nil // a comment, as git archive writes one
	}
	name, err := u.name(header.Name)
	if err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return u.tree.addDir(name)
	case tar.TypeReg:
	default:
		return fmt.Errorf("%q is a %s, and an artifact has files and folders alone", name, kinds[header.Typeflag])
	}
	if header.Size > u.limits.File {
		return u.tree.addFile(name, nil, header.Size)
	}
	// A sparse file's holes are no bytes of the stream, so what is kept has a budget of its own.
	if u.kept += header.Size; u.kept > u.limits.Unpacked {
		return errUnpacked
	}
	data := make([]byte, header.Size)
	if _, err := io.ReadFull(content, data); err != nil {
		return fmt.Errorf("read %q: %w", name, err)
	}
	return u.tree.addFile(name, data, header.Size)
}

// kinds are the entries that no artifact has.
var kinds = map[byte]string{
	tar.TypeLink: "hard link", tar.TypeSymlink: "symbolic link", tar.TypeChar: "device", tar.TypeBlock: "device",
	tar.TypeFifo: "pipe", tar.TypeCont: "reserved kind of file", tar.TypeGNUSparse: "sparse file",
}

// name is an entry's path within the tree, "." for its root.
func (u *unpacking) name(raw string) (string, error) {
	if len(raw) > u.limits.Path {
		return "", fmt.Errorf("entry %d has a name of %d bytes, more than %d", u.entries, len(raw), u.limits.Path)
	}
	name := path.Clean(raw)
	for part := range strings.SplitSeq(raw, "/") {
		if part == ".." {
			name = ""
		}
	}
	if raw == "" || !fs.ValidPath(name) || strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("entry %d is called %q, which is no path within the tree", u.entries, raw)
	}
	if strings.Count(name, "/") >= u.limits.Depth {
		return "", fmt.Errorf("%q lies more than %d folders deep", name, u.limits.Depth)
	}
	return name, nil
}
