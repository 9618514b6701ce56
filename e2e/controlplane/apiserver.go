package controlplane

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// APIServer is a kube-apiserver on loopback. karmada-apiserver is nothing else.
type APIServer struct {
	// Client has all rights, with Config.
	Client client.WithWatch
	Config *rest.Config
	// Kubeconfig is a file for the same.
	Kubeconfig string

	deployment *deployment
	name       string
	args       []string
	process    *Process
}

// startEtcd starts the one etcd of all API servers.
func (d *deployment) startEtcd(t testing.TB) {
	t.Helper()
	d.etcd = fmt.Sprintf("http://127.0.0.1:%d", FreePort(t))
	peer := fmt.Sprintf("http://127.0.0.1:%d", FreePort(t))
	d.start(t, "etcd", "server",
		"--name=etcd", "--data-dir="+filepath.Join(d.dir, "etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls="+d.etcd, "--advertise-client-urls="+d.etcd,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=etcd="+peer)
}

// newAPIServer starts an API server, which is ready some seconds later.
func (d *deployment) newAPIServer(t testing.TB, name string) *APIServer {
	t.Helper()
	port := FreePort(t)
	s := &APIServer{deployment: d, name: name}
	s.Config = &rest.Config{Host: fmt.Sprintf("https://127.0.0.1:%d", port), QPS: -1}
	s.Config.CAData = d.authority.pem
	s.Config = s.ConfigFor(t, "system:admin", "system:masters")
	s.Kubeconfig = filepath.Join(d.dir, name+".kubeconfig")
	must(t, WriteKubeconfig(s.Config, s.Kubeconfig))

	serving := d.write(t, name, d.authority.server(t))
	proxy := d.write(t, name+"-front-proxy", d.frontProxy.client(t, "front-proxy"))
	s.args = []string{
		"--etcd-servers=" + d.etcd, "--etcd-prefix=/" + name,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port=" + strconv.Itoa(port),
		"--endpoint-reconciler-type=none", // which refuses an address of loopback
		"--tls-cert-file=" + serving.cert, "--tls-private-key-file=" + serving.key,
		"--client-ca-file=" + d.file("ca.crt"),
		"--requestheader-client-ca-file=" + d.file("front-proxy-ca.crt"), "--requestheader-allowed-names=front-proxy",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + proxy.cert, "--proxy-client-key-file=" + proxy.key,
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + serving.key, "--service-account-signing-key-file=" + serving.key,
		"--service-cluster-ip-range=10.0.0.0/16",
		"--authorization-mode=Node,RBAC",
		"--disable-admission-plugins=StorageObjectInUseProtection,ServiceAccount", // as karmada-apiserver
	}
	s.Start(t)
	return s
}

// Start starts the API server once more, with what it had stored.
func (s *APIServer) Start(t testing.TB) {
	t.Helper()
	s.process = s.deployment.start(t, s.name, "kube-apiserver", s.args...)
}

// Kill ends the API server without warning.
func (s *APIServer) Kill() { s.process.Kill() }

// AwaitReady waits until the API server answers all, and gives it its client.
func (s *APIServer) AwaitReady(t testing.TB) {
	t.Helper()
	clientset, err := kubernetes.NewForConfig(s.Config)
	must(t, err)
	Await(t, s.name+" to be ready", func(ctx context.Context) error {
		if err := s.process.Running(); err != nil {
			t.Fatal(err)
		}
		return clientset.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
	if s.Client == nil {
		s.Client, err = client.NewWithWatch(s.Config, client.Options{})
		must(t, err)
	}
}

// ConfigFor is for a user of the given name and groups.
func (s *APIServer) ConfigFor(t testing.TB, user string, groups ...string) *rest.Config {
	t.Helper()
	c := rest.CopyConfig(s.Config)
	p := s.deployment.authority.client(t, user, groups...)
	c.CertData, c.KeyData = p.Cert, p.Key
	return c
}

// files are a pair's.
type files struct{ cert, key string }

// write writes a pair into files.
func (d *deployment) write(t testing.TB, name string, p Pair) files {
	t.Helper()
	f := files{cert: d.file(name + ".crt"), key: d.file(name + ".key")}
	must(t, os.WriteFile(f.cert, p.Cert, 0o600))
	must(t, os.WriteFile(f.key, p.Key, 0o600))
	return f
}

func (d *deployment) file(name string) string { return filepath.Join(d.dir, name) }

// WriteKubeconfig writes a file that leads to the same API server as the same user.
func WriteKubeconfig(c *rest.Config, file string) error {
	k := api.NewConfig()
	k.Clusters["karmada"] = &api.Cluster{Server: c.Host, CertificateAuthorityData: c.CAData}
	k.AuthInfos["user"] = &api.AuthInfo{ClientCertificateData: c.CertData, ClientKeyData: c.KeyData,
		Token: c.BearerToken}
	k.Contexts["karmada"] = &api.Context{Cluster: "karmada", AuthInfo: "user"}
	k.CurrentContext = "karmada"
	return clientcmd.WriteToFile(*k, file)
}
