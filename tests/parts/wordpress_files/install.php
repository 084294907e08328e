<?php
// php install.php <WordPress folder> <user>: prints a new application password of that administrator.
define( 'WP_INSTALLING', true );
require $argv[1] . '/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
add_filter( 'pre_wp_mail', '__return_true' );
wp_install( 'IGNY8 test site', $argv[2], 'editor@example.com', true, '', wp_generate_password() );
update_option( 'permalink_structure', '/%postname%/' );
switch_theme( 'plain' );
$user = get_user_by( 'login', $argv[2] );
echo WP_Application_Passwords::create_new_application_password( $user->ID, array( 'name' => 'tests' ) )[0];
