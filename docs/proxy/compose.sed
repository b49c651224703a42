# What makes nginx.conf that of compose.yaml's front: the addresses there, and logs to standard output.
s|server 127\.0\.0\.1:8010 max_fails=0;|server 172.30.0.21:8010 max_fails=0;|
s|server 127\.0\.0\.1:8011 max_fails=0;|server 172.30.0.22:8010 max_fails=0;|
s|server 127\.0\.0\.1:8000 max_fails=0;|server 172.30.0.11:8000 max_fails=0; server 172.30.0.12:8000 max_fails=0;|
s|/var/log/nginx/sendline-error\.log|/dev/stderr|
s|/var/log/nginx/sendline\.log|/dev/stdout|
