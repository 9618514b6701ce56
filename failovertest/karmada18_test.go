//go:build !karmada1.16

package failovertest

import (
	"context"
	"time"

	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"
	estimator "github.com/karmada-io/karmada/pkg/estimator/client"
	clusterlister "github.com/karmada-io/karmada/pkg/generated/listers/cluster/v1alpha1"
	schedulercache "github.com/karmada-io/karmada/pkg/scheduler/cache"
	"k8s.io/client-go/tools/cache"
)

// What differs from one version of Karmada to another.

const minor = 18

func newCache(clusters clusterlister.ClusterLister) schedulercache.Cache {
	return schedulercache.NewCache(clusters, cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{}),
		time.Minute)
}

func (r room) MaxAvailableReplicas(_ context.Context,
	req estimator.ReplicaEstimationRequest) ([]workv1alpha2.TargetCluster, error) {
	return r.available(req.Clusters), nil
}
