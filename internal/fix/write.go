package fix

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rollcall-dev/rollcall/internal/checkout"
)

// Write writes the files into the folder that holds the tree, each as a whole or not at all. A file that is no longer
// as it was read is an error, which calls it shown(name).
func (f *Fixes) Write(dir string, shown func(name string) string) error {
	if len(f.Files) == 0 {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open %s: %w", f.source.Name, checkout.Cause(err))
	}
	defer root.Close()
	for _, name := range f.Names() {
		if err := replace(root, filepath.FromSlash(name), f.Files[name]); err != nil {
			return fmt.Errorf("write %s: %w", shown(name), checkout.Cause(err))
		}
	}
	return nil
}

// replace puts a file in the place of one that is still as it was read.
func replace(root *os.Root, name string, file File) error {
	info, err := root.Lstat(name)
	if err != nil {
		return err
	}
	now, err := root.ReadFile(name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || !bytes.Equal(now, file.Old) {
		return errors.New("it has changed in the meantime")
	}
	temp := filepath.Join(filepath.Dir(name), fmt.Sprintf(".%s.%d", filepath.Base(name), os.Getpid()))
	out, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = out.Write(file.New)
	if err = errors.Join(err, out.Chmod(info.Mode().Perm()), out.Sync(), out.Close()); err == nil {
		err = root.Rename(temp, name)
	}
	if err != nil {
		_ = root.Remove(temp)
	}
	return err
}
