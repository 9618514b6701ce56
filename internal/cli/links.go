package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/config"
)

// A symbolic link in a checkout is the repository's word and not the user's: a pull request can bring one in the place
// of any file that a command line names. What is read does not leave the checkout through one, and what is written
// goes through none.

// maxLinks bounds the symbolic links of one path, as Linux does (path_resolution(7)).
const maxLinks = 40

// physical is the absolute path without symbolic links, as far as it exists. A link in a checkout that leads out of it
// is an error.
func physical(name string) (string, error) {
	return resolve(name, func(link string) error {
		top := checkoutOf(filepath.Dir(link))
		if top == "" {
			return nil
		}
		target, err := filepath.EvalSymlinks(link)
		if err != nil {
			return err
		}
		if _, inside := below(top, target); !inside {
			return errors.New("a symbolic link leads out of the checkout")
		}
		return nil
	})
}

// resolve is the absolute path without symbolic links, as far as it exists. Each link is asked about before it is
// followed.
func resolve(name string, ask func(link string) error) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	const slash = string(filepath.Separator)
	top := filepath.VolumeName(abs) + slash
	at, rest := top, abs[len(top):]
	for links := 0; rest != ""; {
		var element string
		element, rest, _ = strings.Cut(rest, slash)
		next := filepath.Join(at, element)
		target, err := os.Readlink(next)
		if err != nil { // no link, or nothing at all
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", errors.New("there are too many symbolic links")
		}
		if err := ask(next); err != nil {
			return "", err
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(at, target)
		}
		top = filepath.VolumeName(target) + slash
		at, rest = top, filepath.Join(filepath.Clean(target)[len(top):], rest)
	}
	return at, nil
}

// checkoutOf is the top of the checkout that a folder lies in: the nearest one at or above it with a .git, else with
// what a fleet has in its root. Empty where there is none.
func checkoutOf(dir string) string {
	for _, names := range [][]string{{".git"}, {config.Name, "clusters"}} {
		for at := dir; ; at = filepath.Dir(at) {
			has := func(name string) bool {
				_, err := os.Lstat(filepath.Join(at, name))
				return err == nil
			}
			if slices.ContainsFunc(names, has) {
				return at
			}
			if filepath.Dir(at) == at {
				break
			}
		}
	}
	return ""
}

// brought tells of an absolute path whether the tree's checkout holds it, so that a pull request may have brought it.
// The working directory counts with the checkout where it holds the tree.
func (t *tree) brought(name string) bool {
	_, inTree := below(t.root, name)
	_, inCheckout := below(checkoutOf(t.root), name)
	_, holds := below(t.cwd, t.root)
	_, beside := below(t.cwd, name)
	return inTree || inCheckout || holds && beside
}

// writeFile writes a file, which may be there already, as create has it.
func (t *tree) writeFile(name string, data []byte) error {
	file, err := t.create(name)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}

// create opens an empty file for writing. No symbolic link of a checkout is followed to it, and none in its place.
// Where it is a device or a pipe outside of the checkout, such as /dev/stdout, that is opened.
func (t *tree) create(name string) (*os.File, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	dir, err := resolve(filepath.Dir(abs), func(link string) error {
		if t.brought(link) || checkoutOf(filepath.Dir(link)) != "" {
			return fmt.Errorf("%q is a symbolic link in the checkout", t.seen(link))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, filepath.Base(abs))
	if info, err := os.Lstat(file); err == nil && !info.Mode().IsRegular() {
		// the links there, as /dev/fd/3
		kernels := strings.HasPrefix(file, "/dev/") || strings.HasPrefix(file, "/proc/")
		switch {
		case info.IsDir():
			return nil, errors.New("it is a folder")
		case info.Mode()&fs.ModeSymlink != 0 && !kernels:
			return nil, errors.New("it is a symbolic link")
		case t.brought(file):
			return nil, errors.New("it is not a regular file")
		}
		return os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	}
	top := cmp.Or(checkoutOf(dir), dir)
	root, err := os.OpenRoot(top) // from here on nothing leaves the checkout, whoever changes it meanwhile
	if err != nil {
		return nil, err
	}
	defer root.Close()
	rel, err := filepath.Rel(top, file)
	if err != nil {
		return nil, err
	}
	out, err := root.OpenFile(rel, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err = isItself(root, rel, out); err == nil {
		err = out.Truncate(0)
	}
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return out, nil
}

// isItself makes sure that what was opened is a regular file, and the one that lies there: not what a link leads to.
func isItself(root *os.Root, name string, opened *os.File) error {
	there, err := root.Lstat(name)
	if err != nil {
		return err
	}
	info, err := opened.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || !os.SameFile(there, info) {
		return errors.New("it has changed in the meantime")
	}
	return nil
}
