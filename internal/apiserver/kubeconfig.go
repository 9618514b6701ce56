// Package apiserver reads lists of objects from an API server, and does nothing else there. It is what rollcall verify
// asks with, and the only package of the linter's program that opens a connection: it is small enough to be read, and
// needs no client library.
package apiserver

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// maxFile bounds a kubeconfig, and each file that it names, in bytes.
const maxFile = 1 << 20

// kubeconfig is the part of a kubeconfig that is read.
//
// Source: kubernetes/client-go v0.36.4 tools/clientcmd/api/v1/types.go.
type kubeconfig struct {
	CurrentContext string               `json:"current-context"`
	Contexts       []named[kubeContext] `json:"contexts"`
	Clusters       []named[kubeCluster] `json:"clusters"`
	Users          []named[kubeUser]    `json:"users"`
}

type named[T any] struct {
	Name    string `json:"name"`
	Context T      `json:"context"`
	Cluster T      `json:"cluster"`
	User    T      `json:"user"`
}

type kubeContext struct{ Cluster, User string }

type kubeCluster struct {
	Server        string `json:"server"`
	TLSServerName string `json:"tls-server-name"`
	Insecure      bool   `json:"insecure-skip-tls-verify"`
	CAFile        string `json:"certificate-authority"`
	CAData        string `json:"certificate-authority-data"`
	ProxyURL      string `json:"proxy-url"`
}

type kubeUser struct {
	CertFile     string `json:"client-certificate"`
	CertData     string `json:"client-certificate-data"`
	KeyFile      string `json:"client-key"`
	KeyData      string `json:"client-key-data"`
	Token        string `json:"token"`
	TokenFile    string `json:"tokenFile"`
	Username     string `json:"username"`
	As           string `json:"as"`
	Exec         any    `json:"exec"`
	AuthProvider any    `json:"auth-provider"`
}

// Open makes a client of a kubeconfig's context, the current one where none is named. A client certificate or a token
// is all that it signs on with: a kubeconfig that would run a program is refused, and so is one that trusts any server.
func Open(file, context string) (*Client, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	var config kubeconfig
	if err := yaml.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %s is not one", file) // the error may quote a credential
	}
	cluster, user, err := config.choose(context)
	if err == nil {
		err = refused(cluster, user)
	}
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %s: %w", file, err)
	}
	client, err := newClient(filepath.Dir(file), cluster, user)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %s: %w", file, err)
	}
	return client, nil
}

// choose finds the cluster and the user of a context.
func (k kubeconfig) choose(context string) (cluster kubeCluster, user kubeUser, err error) {
	if context == "" {
		context = k.CurrentContext
	}
	chosen, ok := find(k.Contexts, context)
	if !ok {
		return cluster, user, fmt.Errorf("it has no context %q", context)
	}
	c, ok := find(k.Clusters, chosen.Context.Cluster)
	if !ok {
		return cluster, user, fmt.Errorf("it has no cluster %q", chosen.Context.Cluster)
	}
	u, ok := find(k.Users, chosen.Context.User)
	if !ok {
		return cluster, user, fmt.Errorf("it has no user %q", chosen.Context.User)
	}
	return c.Cluster, u.User, nil
}

func find[T any](all []named[T], name string) (named[T], bool) {
	for _, entry := range all {
		if entry.Name == name {
			return entry, true
		}
	}
	return named[T]{}, false
}

func refused(cluster kubeCluster, user kubeUser) error {
	switch {
	case cluster.Insecure:
		return errors.New("insecure-skip-tls-verify is refused: anybody could answer this roll call")
	case user.Exec != nil || user.AuthProvider != nil:
		return errors.New(
			"a kubeconfig that runs a program to sign on is refused: give one with a client certificate or a token")
	case user.Username != "":
		return errors.New(
			"a user name and password are no longer taken by API servers: give a client certificate or a token")
	case user.As != "":
		return errors.New("impersonation is not supported")
	}
	return nil
}

// newClient makes a client; files are relative to the kubeconfig's folder.
func newClient(dir string, cluster kubeCluster, user kubeUser) (*Client, error) {
	base, err := url.Parse(cluster.Server)
	if err != nil || base.Scheme != "https" || base.Host == "" || base.User != nil {
		return nil, errors.New("the server is no https URL")
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cluster.TLSServerName}
	if ca, err := material(dir, cluster.CAFile, cluster.CAData, "certificate-authority"); err != nil {
		return nil, err
	} else if ca != nil {
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("certificate-authority holds no certificate")
		}
	}
	certificate, err := material(dir, user.CertFile, user.CertData, "client-certificate")
	if err != nil {
		return nil, err
	}
	if certificate != nil {
		key, err := material(dir, user.KeyFile, user.KeyData, "client-key")
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			return nil, errors.New("client-certificate and client-key are no pair")
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	c := &Client{base: base, token: user.Token}
	if user.TokenFile != "" {
		token, err := readFile(within(dir, user.TokenFile))
		if err != nil {
			return nil, fmt.Errorf("tokenFile: %w", err)
		}
		c.token = strings.TrimSpace(string(token))
	}
	proxy := http.ProxyFromEnvironment
	if cluster.ProxyURL != "" {
		through, err := url.Parse(cluster.ProxyURL)
		if err != nil {
			return nil, errors.New("proxy-url cannot be read")
		}
		proxy = http.ProxyURL(through)
	}
	c.http = &http.Client{
		Transport: &http.Transport{TLSClientConfig: settings, Proxy: proxy, ForceAttemptHTTP2: true,
			ResponseHeaderTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("a redirect leads elsewhere") },
	}
	return c, nil
}

// material is what a kubeconfig gives in itself, in base64, or in a file; nil where it gives neither.
func material(dir, file, data, name string) ([]byte, error) {
	if data != "" {
		decoded, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			return nil, fmt.Errorf("%s-data is not base64", name)
		}
		return decoded, nil
	}
	if file == "" {
		return nil, nil
	}
	content, err := readFile(within(dir, file))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return content, nil
}

func within(dir, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(dir, file)
}

func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // opening a named pipe would wait for its writer
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", name, maxFile)
	}
	return data, err
}
