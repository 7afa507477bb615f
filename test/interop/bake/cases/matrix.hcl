variable "VERSIONS" {
  type    = set(string)
  default = ["2", "1", "2"]
}
group "default" {
  targets = ["app", "lint"]
}
target "app" {
  name = "app-${os}-${replace(v, ".", "-")}"
  matrix = {
    v  = [for x in VERSIONS : "${x}.0"]
    os = ["linux", "other"]
  }
  inherits = ["_base"]
  args     = { VERSION = v, OS = title(os) }
  tags = flatten([
    "app:${v}-${os}",
    os == "linux" ? ["app:${v}"] : [],
  ])
}
target "_base" {
  args   = { COMMON = "yes", VERSION = "none" }
  labels = { for k, x in { b = 1, a = 2 } : "label.${k}" => x }
  secret = ["id=one,env=HOME", "id=two,env=HOME"]
}
target "lint" {
  inherits    = ["_base"]
  description = "checks the code"
  call        = "check"
  target      = element(["a", "b"], 1)
  args        = { COMMON = upper(group.default.targets[1]) }
}
