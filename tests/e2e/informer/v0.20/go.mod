module mot.dev/informer

go 1.15

require (
	k8s.io/apimachinery v0.20.15
	k8s.io/client-go v0.20.15
)
