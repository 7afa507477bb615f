# comment
variable "TAG" { default = "latest" }
variable "NUM" { default = 3 }
variable "FLAG" { default = true }
variable "LIST" {
  type = list(string)
  default = ["a", "b"]
}
variable "OBJ" {
  type = object({branch = string, n = optional(number)})
  default = {branch = "main"}
}
variable "NULLV" { default = null }
repo = "docker.io/username"
function "tag" {
  params = [name]
  variadic_params = rest
  result = [for r in concat([""], rest): "${repo}/${name}:${TAG}${r == "" ? "" : "-${r}"}"]
}
group "default" { targets = ["app", "db"] }
group "all" { targets = ["default", "matrix"] }
target "_common" {
  args = {
    BUILDKIT_CONTEXT_KEEP_GIT_DIR = 1
    B = "x"
  }
  labels = { "org.opencontainers.image.source" = "https://e" }
  annotations = ["a=b"]
}
target "app" {
  inherits = ["_common"]
  dockerfile = "app.Dockerfile"
  tags = tag("app", "x", "y")
  args = {
    B = "y"
    NUM = NUM + 1
    NUL = NULLV
    UP = upper(TAG)
    F = FLAG ? "on" : "off"
    JSON = jsonencode({a = [1, 2], b = null})
    T = <<EOT
hello ${TAG}
  world
EOT
    T2 = <<-EOT
      a
        b
      %{ for x in LIST ~}
      item ${x}
      %{ endfor ~}
    EOT
    S = join(",", [for k, v in {z = 1, a = 2}: "${k}=${v}"])
    SPL = join("-", target.db.tags[*])
    M = merge({a="1"}, {b="2"}).b
    R = regex_replace("aaa1b2", "([0-9])", "<$1>")
    FMT = format("%05d|%-5s|%.2f|%v|%q", 42, "ab", 3.14159, [1], "q")
    LK = lookup({a = "x"}, "b", "def")
    OB = OBJ.branch
    CIDR = cidrsubnet("10.0.0.0/8", 8, 2)
    C6 = cidrhost("fd00::/64", 5)
    SEM = semvercmp("1.2.3", ">= 1.0, < 2")
    SUB = substr("hello", 1, 3)
    TRY = try(nope.x, "fallback")
    CAN = can(OBJ.branch)
    CV = length(convert(["a","a"], set(string)))
    DIV = 10 / 4
    MOD = 10 % 4
    HT = "a$${b}%%{c}"
    NEG = -3 + 2 * 2
    CMP = 1 < 2 && !(3 >= 4) || false
    SORT = join(" ", sort(["b", "a"]))
    SET = join(" ", setunion(["b"], ["a", "b"]))
    CH = length(chunklist([1,2,3], 2))
    IX = [1,2,3][1]
    EL = element(["a","b"], 3)
    TITLE = title("hello world")
    FD = formatdate("DD MMM YYYY hh:mm ZZZ", "2020-02-01T10:11:12Z")
    TA = timeadd("2020-02-01T10:11:12Z", "1h30m")
    INDENT = indent(2, "a\nb")
    B64 = base64encode("hi")
    SHA = sha1("hi")
    UU = uuidv5("dns", "example.com")
    SAN = sanitize("a.b/c")
  }
  platforms = ["linux/amd64", "linux/arm64"]
  cache-from = ["type=registry,ref=user/app:cache", "user/x"]
  cache-to = [{type = "inline"}]
  output = ["type=docker", "out"]
  secret = ["id=a,env=HOME", "id=K,env=HOME"]

  attest = ["type=provenance,mode=max", {type = "sbom"}]
  contexts = { base = "target:db", src = "../x" }
  no-cache = false
  pull = true
  network = "host"
  shm-size = "128m"
  ulimits = ["nofile=1024:1024"]
  extra-hosts = { h = "1.2.3.4" }
  no-cache-filter = ["s"]
  entitlements = ["security.insecure"]
  description = "the app"
}
target "db" {
  tags = ["db:${TAG}"]
  dockerfile-inline = "FROM scratch\n"
}
target "matrix" {
  name = "m-${item.n}-${replace(v, ".", "-")}"
  matrix = { item = [{n = "a"}, {n = "b"}], v = ["1.0", "2.0"] }
  target = item.n
  args = { V = v }
}
