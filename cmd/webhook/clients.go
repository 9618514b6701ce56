package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/rollcall-dev/rollcall/internal/checkout"
)

// clientFlags say who may ask for reviews: by default whoever reaches the port.
type clientFlags struct {
	ca    string
	names []string
}

func (c *clientFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&c.ca, "client-ca", "",
		"the `file` of the authorities, read again when it changes, of which clients must present a certificate")
	flags.StringSliceVar(&c.names, "client-name", nil,
		"a common or DNS `name` that the certificate must be for; may be repeated; by default any of --client-ca")
}

func (c *clientFlags) check() error {
	if c.ca == "" && len(c.names) > 0 {
		return errors.New("--client-name is for --client-ca")
	}
	return nil
}

// require has a server ask its clients for a certificate.
func (c *clientFlags) require(config *tls.Config, log *slog.Logger) error {
	if c.ca == "" {
		return nil
	}
	authorities := &authorities{file: c.ca, log: log}
	if err := authorities.read(); err != nil {
		return fmt.Errorf("--client-ca %s: %w", c.ca, err)
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	config.VerifyConnection = c.allow
	each := config.Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		config := each.Clone()
		config.ClientCAs = authorities.current()
		return config, nil
	}
	return nil
}

// allow refuses a client whose certificate is for none of the names.
func (c *clientFlags) allow(s tls.ConnectionState) error {
	if len(c.names) == 0 {
		return nil
	}
	leaf := s.PeerCertificates[0]
	if slices.Contains(c.names, leaf.Subject.CommonName) || slices.ContainsFunc(leaf.DNSNames, func(name string) bool {
		return slices.Contains(c.names, name)
	}) {
		return nil
	}
	return errors.New("the client's certificate is not for a --client-name")
}

// authorities are the certificates in a file. One that cannot be read leaves the last ones.
type authorities struct {
	file string
	log  *slog.Logger

	mu         sync.Mutex
	pool       *x509.CertPool
	mark       string // of the file that was read
	lastLogged string // the last error
}

func (a *authorities) current() *x509.CertPool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.read(); err != nil && err.Error() != a.lastLogged {
		a.lastLogged = err.Error()
		a.log.Error("the authorities of clients could not be read again", "file", a.file, "error", a.lastLogged)
	}
	return a.pool
}

// read reads the file where it has changed.
func (a *authorities) read() error {
	info, err := os.Stat(a.file)
	if err != nil {
		return checkout.Cause(err)
	}
	mark := markOf(info)
	if mark == a.mark {
		return nil
	}
	a.mark = mark
	text, err := os.ReadFile(a.file)
	if err != nil {
		return checkout.Cause(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return errors.New("there is no certificate in it")
	}
	a.pool = pool
	return nil
}

func markOf(info fs.FileInfo) string {
	return strings.Join([]string{info.ModTime().Format(time.RFC3339Nano), fmt.Sprint(info.Size())}, " ")
}
